/** US dollars: exact decimal strings in, readable text out; no sum ever passes through a float. */

/** Decimal places that the collector keeps. */
const SCALE = 12;
const ONE = 10n ** BigInt(SCALE);

export const NO_VALUE = "—";

/** Decimal string to an integer of 10⁻¹² dollars; `null` for text that is no decimal number. */
export function parseUsd(amount: string): bigint | null {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(amount.trim());
  if (!match) return null;
  const [, sign, whole = "", fraction = "", exponent = "0"] = match;
  if (whole === "" && fraction === "") return null;
  const shift = SCALE - fraction.length + Number(exponent);
  const digits = BigInt(whole + fraction || "0");
  const scaled = shift >= 0 ? digits * 10n ** BigInt(shift) : divideHalfEven(digits, 10n ** BigInt(-shift));
  return sign === "-" ? -scaled : scaled;
}

function divideHalfEven(value: bigint, divisor: bigint): bigint {
  const quotient = value / divisor;
  const twice = (value % divisor) * 2n;
  if (twice > divisor || (twice === divisor && quotient % 2n === 1n)) return quotient + 1n;
  return quotient;
}

function toDecimalString(scaled: bigint, places: number): string {
  const negative = scaled < 0n;
  const rounded = divideHalfEven(negative ? -scaled : scaled, 10n ** BigInt(SCALE - places));
  const digits = rounded.toString().padStart(places + 1, "0");
  const whole = digits.slice(0, digits.length - places);
  const fraction = places > 0 ? `.${digits.slice(digits.length - places)}` : "";
  return (negative && rounded !== 0n ? "-" : "") + whole + fraction;
}

function group(whole: string): string {
  return whole.replace(/\B(?=(\d{3})+$)/g, ",");
}

/** Decimals that show three significant digits, and cents at least. */
function placesFor(magnitude: bigint): number {
  if (magnitude >= ONE) return 2;
  const leadingZeros = SCALE - magnitude.toString().length;
  return Math.min(SCALE, Math.max(2, leadingZeros + 3));
}

function trimZeros(text: string, keep: number): string {
  const dot = text.indexOf(".");
  if (dot < 0) return text;
  let end = text.length;
  while (end > dot + 1 + keep && text[end - 1] === "0") end -= 1;
  return text.slice(0, end);
}

function dollars(text: string): string {
  const negative = text.startsWith("-");
  const [whole = "0", fraction] = text.replace("-", "").split(".");
  return `${negative ? "−" : ""}$${group(whole)}${fraction ? `.${fraction}` : ""}`;
}

/** For people: three significant digits below a dollar, cents above; `null` (unknown) is a dash and never $0. */
export function formatUsd(amount: string | null | undefined): string {
  if (amount === null || amount === undefined) return NO_VALUE;
  const scaled = parseUsd(amount);
  if (scaled === null) return NO_VALUE;
  if (scaled === 0n) return "$0";
  const places = placesFor(scaled < 0n ? -scaled : scaled);
  return dollars(trimZeros(toDecimalString(scaled, places), 2));
}

/** Every digit that is known, for tooltips and copies. */
export function formatUsdExact(amount: string | null | undefined): string {
  if (amount === null || amount === undefined) return "unknown";
  const scaled = parseUsd(amount);
  if (scaled === null) return "unknown";
  return dollars(trimZeros(toDecimalString(scaled, SCALE), 2));
}

const STEPS: readonly [bigint, string][] = [
  [1_000_000_000n * ONE, "B"],
  [1_000_000n * ONE, "M"],
  [1_000n * ONE, "k"],
];

/** Short form for tight places such as axes: `$12.3k`. */
export function formatUsdShort(amount: string | null | undefined): string {
  const scaled = amount === null || amount === undefined ? null : parseUsd(amount);
  if (scaled === null) return NO_VALUE;
  const magnitude = scaled < 0n ? -scaled : scaled;
  for (const [step, suffix] of STEPS) {
    if (magnitude < step) continue;
    const text = toDecimalString((magnitude * ONE) / step, magnitude >= step * 100n ? 0 : 1);
    return `${scaled < 0n ? "−" : ""}$${trimZeros(text, 0).replace(/\.$/, "")}${suffix}`;
  }
  return formatUsd(amount).replace(/\.00$/, "");
}

/** Exact sum; amounts that are unknown (`null`) are left out. */
export function sumUsd(amounts: Iterable<string | null | undefined>): string {
  let total = 0n;
  for (const amount of amounts) {
    if (amount !== null && amount !== undefined) total += parseUsd(amount) ?? 0n;
  }
  return trimZeros(toDecimalString(total, SCALE), 0).replace(/\.$/, "");
}

/** Order of two amounts; unknown sorts below everything. */
export function compareUsd(left: string | null, right: string | null): number {
  const a = left === null ? null : parseUsd(left);
  const b = right === null ? null : parseUsd(right);
  if (a === null || b === null) return a === b ? 0 : a === null ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Amount ÷ count, rounded half-even to 10⁻¹² dollars; `null` where nothing was counted. */
export function divideUsd(amount: string, count: number): string | null {
  const scaled = parseUsd(amount);
  if (scaled === null || !Number.isInteger(count) || count <= 0) return null;
  const negative = scaled < 0n;
  const quotient = divideHalfEven(negative ? -scaled : scaled, BigInt(count));
  return trimZeros(toDecimalString(negative ? -quotient : quotient, SCALE), 0).replace(/\.$/, "");
}

/** For pixel lengths and colours only: loses digits. */
export function usdToNumber(amount: string | null | undefined): number {
  return amount === null || amount === undefined ? 0 : Number(amount);
}

/** `part` of `whole` as 0…1 for bars and shares; 0 when the whole is 0. */
export function usdShare(part: string, whole: string): number {
  const denominator = usdToNumber(whole);
  return denominator === 0 ? 0 : usdToNumber(part) / denominator;
}

/** An integer of 10⁻¹² dollars back to a decimal string. */
export function usdFromScaled(scaled: bigint): string {
  return trimZeros(toDecimalString(scaled, SCALE), 0).replace(/\.$/, "");
}
