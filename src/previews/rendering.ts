import { TrueupError } from "../core/errors.js";
import { renderWith } from "../reconcile/desired.js";
import { asTrueupError } from "../reconcile/pass.js";
import type { Session } from "../reconcile/session.js";
import type { RenderedEnvironment } from "../render/rendered.js";
import type { Snapshot } from "../render/snapshot.js";

/** An environment as files say it, whether or not it loads. */
export interface Rendering {
  /** Absent where it does not load at all. */
  readonly environment?: RenderedEnvironment;
  /** By target, why it does not load; by "" the whole environment. */
  readonly faults: ReadonlyMap<string, TrueupError>;
  /** The targets that take secrets. */
  readonly taking: ReadonlySet<string>;
}

export interface RenderingRequest {
  readonly environment: string;
  /** For messages. */
  readonly revision: string;
  readonly snapshot: Snapshot;
  readonly unjudged?: true;
}

/**
 * With a word in place of each secret: the same for the same secret, and another than anybody could write. What is shown of a
 * preview is made of this alone, so that no secret can be in it, whatever rules and marks the pull request brings.
 */
export function renderedWithoutSecrets(session: Session, request: RenderingRequest): Promise<Rendering> {
  const hash = session.hash();
  return rendered(session, request, (name) => Promise.resolve(`secret-${hash(`preview ${name}`)}`));
}

/** As it would be. What rules say of it is not to be shown: they can be written to tell a secret letter by letter. */
export function renderedWithSecrets(
  session: Session,
  request: RenderingRequest,
  taken: Map<string, string | undefined>,
): Promise<Rendering> {
  const { environment } = request;
  return rendered(session, request, async (name) => {
    taken.set(name, undefined);
    try {
      const value = await session.secret(environment, name);
      taken.set(name, value);
      return value;
    } catch (error) {
      // Without the places that were asked: those are the operator's.
      const message = `trueup.yaml's sources give ${environment} no secret ${JSON.stringify(name)}`;
      throw new TrueupError("SECRET_MISSING", message, { hint: "put it there before this is merged", cause: error });
    }
  });
}

async function rendered(
  session: Session,
  request: RenderingRequest,
  secret: (name: string) => Promise<string>,
): Promise<Rendering> {
  const taking = new Set<string>();
  const asked = (name: string, target: string): Promise<string> => {
    taking.add(target);
    return secret(name);
  };
  try {
    const environment = await renderWith(session, { ...request, secret: asked });
    const faults = environment.targets.flatMap((target) =>
      "error" in target ? [[target.name, target.error] as const] : [],
    );
    return { environment, faults: new Map(faults), taking };
  } catch (error) {
    return { faults: new Map([["", asTrueupError(error)]]), taking };
  }
}
