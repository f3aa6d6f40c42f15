import { describe, expect, it } from "vitest";

import { tokenIn } from "./token";

describe("tokenIn", () => {
  it("takes the token out of a pasted address", () => {
    expect(tokenIn("http://127.0.0.1:8000/sign-in?token=abc-DEF_1")).toBe("abc-DEF_1");
    expect(tokenIn("  http://host/prefix/sign-in?x=1&token=a%2Bb#top ")).toBe("a+b");
  });

  it("takes a bare token as it is", () => {
    expect(tokenIn("  abc-DEF_1\n")).toBe("abc-DEF_1");
  });
});
