/** Shown in place of every page to a browser that is not signed in. */

import { KeyRound } from "lucide-react";
import { type FormEvent, useState } from "react";

import { useSignIn } from "../../api/queries";
import { Button } from "../../components/core/Button";
import { Input, Labelled } from "../../components/core/Field";
import { tokenIn } from "./token";

export function SignInPage() {
  const [token, setToken] = useState("");
  const signIn = useSignIn();
  function submit(event: FormEvent) {
    event.preventDefault();
    if (token.trim() !== "") signIn.mutate({ token: tokenIn(token) });
  }
  return (
    <main className="flex min-h-dvh items-center justify-center p-4">
      <form onSubmit={submit} className="flex w-full max-w-sm flex-col gap-4 rounded-lg border border-line bg-surface p-6">
        <div className="flex items-center gap-2">
          <img src="./favicon.svg" alt="" className="size-6" />
          <h1 className="text-lg font-semibold">Sign in to LLMObserve</h1>
        </div>
        <p className="text-ink-2">
          Open the address that <code className="font-mono text-xs">llmobserve serve</code> printed in its terminal. It
          signs this browser in. Or paste that address, or only its token, here.
        </p>
        <Labelled label="Address or token" error={signIn.error ? signIn.error.message : undefined}>
          {({ id, describedBy }) => (
            <Input
              id={id}
              name="token"
              autoComplete="off"
              spellCheck={false}
              aria-describedby={describedBy}
              aria-invalid={signIn.error ? true : undefined}
              value={token}
              onChange={(event) => setToken(event.target.value)}
            />
          )}
        </Labelled>
        <Button type="submit" variant="primary" disabled={signIn.isPending || token.trim() === ""}>
          <KeyRound aria-hidden className="size-4" />
          {signIn.isPending ? "Signing in…" : "Sign in"}
        </Button>
        <p className="text-xs text-ink-3">
          The address works once and for half an hour. <code className="font-mono">llmobserve sign-in</code> on the collector’s
          machine prints a new one.
        </p>
      </form>
    </main>
  );
}
