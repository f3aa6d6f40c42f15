/** What was measured in a span, and what the application said of it. Nothing where there is neither. */

import { splitAttributes } from "./attributes";
import { Facts } from "./Facts";

export function Attributes({ attributes }: { attributes: Readonly<Record<string, unknown>> }) {
  const { metrics, others } = splitAttributes(attributes);
  return (
    <>
      {metrics.length > 0 ? (
        <section>
          <h3 className="mb-1 text-xs font-semibold">Metrics</h3>
          <table className="w-full text-xs" aria-label="Metrics">
            <tbody>
              {metrics.map(({ type, name, text }) => (
                <tr key={`${type}.${name}`} className="border-b border-line align-top">
                  <td className="w-px py-1 pr-4 whitespace-nowrap text-ink-3">{type}</td>
                  <td className="py-1 pr-4">{name}</td>
                  <td className="py-1 text-right break-words tabular-nums">{text}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      ) : null}
      {others.length > 0 ? (
        <section aria-label="Attributes">
          <h3 className="mb-1 text-xs font-semibold">Attributes</h3>
          <Facts facts={others.map(({ name, text }) => ({ label: name, value: text }))} />
        </section>
      ) : null}
    </>
  );
}
