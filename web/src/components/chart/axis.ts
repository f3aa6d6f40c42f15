/** Labels of time buckets, in the reader's zone. */

import { BUCKET_MS, type Bucket, formatMinute } from "../../lib/time";

export function bucketLabel(start: string, bucket: Bucket, zone: string, count: number): string {
  if (bucket === "day") {
    return new Intl.DateTimeFormat("en-GB", { timeZone: zone, day: "numeric", month: "short" }).format(new Date(start));
  }
  const [day = "", time = ""] = formatMinute(start, zone).split(" ");
  return bucket === "hour" && (count > 30 || time === "00:00") ? `${day.slice(5)} ${time}` : time;
}

export function bucketTitle(start: string, bucket: Bucket, zone: string): string {
  if (start === "") return "";
  if (bucket === "day") return formatMinute(start, zone).slice(0, 10);
  const end = new Date(Date.parse(start) + BUCKET_MS[bucket]).toISOString();
  const text = formatMinute(start, zone);
  return bucket === "minute" ? text : `${text} – ${formatMinute(end, zone).slice(11)}`;
}
