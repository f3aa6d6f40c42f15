/** Scores: how good a run, a session or an event was found to be, and by whom. Nothing where nobody said anything. */

import type { ScoreView } from "../../api/types";
import { formatInstantExact } from "../../lib/time";
import { Badge } from "../core/Badge";
import { cx } from "../core/cx";
import { Tooltip } from "../core/Tooltip";
import { scoreText, scoreTone } from "./said";

const SHOWN = 8;

export interface ScoreBadgesProps {
  scores: readonly ScoreView[];
  /** What a screen reader calls them. */
  label?: string;
  /** Whose they are, where that is not plain. */
  title?: string;
  className?: string;
}

/** The newest score of each name, in a line. */
export function ScoreBadges({ scores, label = "Scores", title, className }: ScoreBadgesProps) {
  const current = scores.filter((score) => score.is_current);
  if (current.length === 0) return null;
  return (
    <ul aria-label={label} className={cx("flex flex-wrap items-center gap-1", className)}>
      {title === undefined ? null : (
        <li aria-hidden className="mr-1 text-xs text-ink-3">
          {title}
        </li>
      )}
      {current.slice(0, SHOWN).map((score) => (
        <li key={score.score_id} className="min-w-0">
          <Tooltip content={[`By ${score.source}`, score.comment].filter(Boolean).join(": ")}>
            <Badge tone={scoreTone(score)} tabIndex={0} className="sm:max-w-72">
              {`${score.name} ${scoreText(score)}`}
            </Badge>
          </Tooltip>
        </li>
      ))}
      {current.length > SHOWN ? <li className="text-xs text-ink-3">{current.length - SHOWN} more</li> : null}
    </ul>
  );
}

/** All scores with what was said beside the figure; those that a newer one replaces are pale. */
export function ScoreTable({ scores, zone }: { scores: readonly ScoreView[]; zone: string }) {
  if (scores.length === 0) return null;
  return (
    <section aria-label="Scores">
      <h3 className="mb-1 text-xs font-semibold">Scores</h3>
      <ul className="flex flex-col text-xs">
        {scores.map((score) => (
          <li key={score.score_id} className="border-b border-line py-1.5">
            <div className="flex items-baseline gap-3">
              <span className={cx("min-w-0 flex-1 break-words", score.is_current ? "font-medium" : "text-ink-3")}>{score.name}</span>
              {score.is_current ? null : <span className="text-ink-3">earlier</span>}
              <span className={cx("min-w-0 text-right break-words tabular-nums", score.is_current ? "font-semibold" : "text-ink-3")}>
                {scoreText(score)}
              </span>
            </div>
            {score.comment ? <p className="break-words whitespace-pre-wrap text-ink-2">{score.comment}</p> : null}
            <p className="text-ink-3">
              {score.source} · {formatInstantExact(score.said_at, zone)}
            </p>
          </li>
        ))}
      </ul>
    </section>
  );
}
