/** An address that no page answers. */

import { Link } from "@tanstack/react-router";

import { Empty } from "../components/core/States";

export function NotFound() {
  return (
    <Empty
      title="There is no such page"
      action={
        <Link to="/" className="text-accent-ink underline">
          Go to Home
        </Link>
      }
    >
      The address may be from another version, or mistyped.
    </Empty>
  );
}
