/** Shows the first steps in place of a page that would be empty, until the first event arrives. */

import { lazy, type ReactNode, Suspense } from "react";

import { useMeta } from "../api/queries";
import { Loading } from "../components/core/States";
import { useUrl } from "../lib/use-url";

const Welcome = lazy(async () => ({ default: (await import("../pages/welcome/WelcomePage")).WelcomePage }));

export function OnceEventsExist({ children }: { children: ReactNode }) {
  const { project } = useUrl();
  const { data: meta } = useMeta(project);
  if (!meta) return <Loading />;
  if (meta.has_events) return children;
  return (
    <Suspense fallback={<Loading />}>
      <Welcome meta={meta} />
    </Suspense>
  );
}
