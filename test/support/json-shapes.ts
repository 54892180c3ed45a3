import { z } from "zod";

/*
 * Every `-o json` shape of the command line, exactly: a member that is not documented fails the test. docs/json.md describes
 * them in words, and its examples are held against these.
 */

const version = { schemaVersion: z.literal(1) };
const revision = z
  .string()
  .regex(/^[0-9a-f]{40}$/)
  .nullable();
const pointer = z.string().regex(/^\//);
const state = z.enum(["Synced", "Pending", "Drifted", "Unknown", "Failed", "Suspended"]);
const severity = z.enum(["low", "medium", "high", "critical"]);
const action = z.enum(["heal", "propose", "alert", "sync"]);
const kind = z.enum(["pending", "modified", "missing", "conflicted", "unmanaged"]);

export const errorShape = z.strictObject({
  code: z.string().regex(/^[A-Z_]+$/),
  message: z.string().min(1),
  where: z.string().optional(),
  hint: z.string().optional(),
});

const finding = z.strictObject({
  path: pointer,
  kind,
  desired: z.json(),
  live: z.json(),
  severity,
  actions: z.array(action),
  rule: z.string(),
  sensitive: z.literal(true).optional(),
  note: z.string().optional(),
  restrained: z.enum(["held", "flapping", "waiting"]).optional(),
  changedBy: z
    .strictObject({
      by: z.string().max(80).optional(),
      at: z.iso.datetime().optional(),
      how: z.string(),
      certainty: z.enum(["certain", "likely", "possible"]),
    })
    .optional(),
});

const outcome = z.strictObject({
  path: pointer,
  result: z.enum(["healed", "synced", "pendingRestart", "moved", "unreachable", "failed", "adopted"]),
  error: errorShape.optional(),
});

const planned = {
  plan: z.string().regex(/^[0-9a-f]{64}$/),
  verb: z.enum(["pass", "sync", "adopt", "revert"]),
  path: pointer.optional(),
  changes: z.int().min(1),
  severity,
  approved: z.strictObject({ by: z.string(), at: z.iso.datetime(), reason: z.string().optional() }).optional(),
};
const plans = z.array(z.strictObject(planned)).min(1).optional();

const target = z.strictObject({
  name: z.string(),
  kind: z.string(),
  state,
  error: errorShape.optional(),
  findings: z.array(finding),
  pendingRestart: z.array(pointer).optional(),
  outcomes: z.array(outcome).optional(),
  refused: errorShape.optional(),
  plans,
});

const failedRevision = z.strictObject({ revision: z.string(), reason: z.string(), at: z.iso.datetime() }).optional();

/** `diff` and `sync`. */
const comparison = z.strictObject({
  ...version,
  environments: z.array(
    z.strictObject({
      name: z.string(),
      revision,
      state,
      error: errorShape.optional(),
      warnings: z.array(z.string()).optional(),
      failedRevision,
      targets: z.array(target),
    }),
  ),
});

/** What a policy says of one finding. */
const verdict = z.strictObject({ severity, actions: z.array(action), rule: z.string() });

const replayed = { at: z.iso.datetime(), environment: z.string(), target: z.string(), path: pointer };

const suspension = z.strictObject({
  ...version,
  environments: z.array(z.strictObject({ name: z.string(), suspended: z.boolean(), changed: z.boolean() })),
});

const count = z.int().min(0);
const bySeverity = z.strictObject({ low: count, medium: count, high: count, critical: count });
const spread = z
  .strictObject({ count: z.int().min(1), median: z.number(), p90: z.number(), max: z.number() })
  .nullable();
const figures = {
  ...{ found: bySeverity, open: bySeverity },
  ended: z.strictObject({ healed: count, adopted: count, resolved: count }),
  recurring: count,
  ...{ timeToDetect: spread, timeToResolve: spread },
  synced: count,
  suppressed: z.strictObject({ held: count, flapping: count, refused: count }),
  ...{ holds: count, failed: count, unknown: z.number().min(0) },
};
const setting = { environment: z.string(), target: z.string(), path: pointer };

const difference = {
  ...{ target: z.string(), path: pointer, before: z.json(), after: z.json() },
  sensitive: z.literal(true).optional(),
};

const pullRequest = z.strictObject({ number: z.int().min(1), url: z.string() }).optional();

const gates = z.array(
  z.strictObject({
    ...{ name: z.string(), reason: z.string() },
    state: z.enum(["passed", "waived", "pending", "failed"]),
    ...{ by: z.array(z.string()).min(1).optional(), todo: z.string().min(1).optional() },
    since: z.iso.datetime().optional(),
  }),
);

const hop = z.strictObject({
  ...{ from: z.string(), to: z.string(), revision, reason: z.string().min(1) },
  state: z.enum(["idle", "waiting", "blocked", "declined", "promoted"]),
  since: z.iso.datetime().optional(),
  wantedBy: z.string().optional(),
  next: z.array(z.string().min(1)),
  gates,
  commits: z.array(z.strictObject({ id: revision.unwrap(), author: z.string(), subject: z.string() })),
  changes: z.array(z.strictObject(difference)),
  mergedBySetting: z.array(z.string()).min(1).optional(),
  pullRequest,
  did: z.enum(["open", "update", "merge", "block", "close", "forget", "declined"]).optional(),
});

export const shapes = {
  init: z.strictObject({
    ...version,
    folder: z.string(),
    files: z.array(z.string()),
    repository: z.enum(["made", "found"]),
    next: z.array(z.string()),
  }),
  validate: z.strictObject({
    ...version,
    valid: z.boolean(),
    environments: z.array(
      z.strictObject({
        name: z.string(),
        revision,
        error: errorShape.optional(),
        targets: z.array(z.strictObject({ name: z.string(), kind: z.string(), error: errorShape.optional() })),
      }),
    ),
    warnings: z.array(z.string()),
  }),
  render: z.strictObject({
    ...version,
    environment: z.string(),
    revision: revision.unwrap(),
    targets: z.array(
      z.strictObject({
        name: z.string(),
        kind: z.string(),
        document: z.record(z.string(), z.json()),
        settings: z.array(z.strictObject({ path: pointer, value: z.json(), where: z.string() })).optional(),
      }),
    ),
  }),
  diff: comparison,
  sync: comparison,
  status: z.strictObject({
    ...version,
    environments: z.array(
      z.strictObject({
        name: z.string(),
        branch: z.string(),
        state: z.union([state, z.literal("Never seen")]),
        suspended: z
          .strictObject({ by: z.string(), reason: z.string(), until: z.iso.datetime({ offset: true }).optional() })
          .optional(),
        failedRevision,
        targets: z.array(
          z.strictObject({
            name: z.string(),
            kind: z.string(),
            state,
            revision,
            findings: z.partialRecord(kind, z.int().min(1)),
            held: z.int().min(1).optional(),
            waits: z.string().optional(),
            pendingRestart: z.array(pointer).optional(),
            pullRequest: z
              .strictObject({ number: z.int().min(1), branch: z.string(), url: z.url().optional() })
              .optional(),
            unproposable: z.string().min(1).optional(),
            error: errorShape.optional(),
            refused: errorShape.optional(),
            plans,
          }),
        ),
      }),
    ),
  }),
  history: z.strictObject({
    ...version,
    events: z.array(
      z.strictObject({
        id: z.int(),
        at: z.iso.datetime({ offset: true }),
        environment: z.string(),
        target: z.string().optional(),
        type: z.string(),
        path: pointer.optional(),
        revision: revision.unwrap().optional(),
        message: z.string(),
        detail: z.record(z.string(), z.json()).optional(),
      }),
    ),
  }),
  "history --revisions": z.strictObject({
    ...version,
    environments: z.array(
      z.strictObject({
        ...{ name: z.string(), revision, failedRevision, error: errorShape.optional() },
        revisions: z.array(
          z.strictObject({
            ...{ revision: revision.unwrap(), at: z.iso.datetime(), author: z.string(), subject: z.string() },
            came: z.enum(["promoted", "merged", "hotfix", "commit", "rolled-back", "rewritten"]),
            ...{ from: z.string().optional(), source: revision.unwrap().optional() },
            ...{ askedBy: z.string().optional(), mergedBy: z.string().optional(), gates },
            ...{ backTo: revision.unwrap().optional(), by: z.string().optional(), because: z.string().optional() },
            outcome: z.enum(["in-sync", "failed", "pending", "superseded"]),
            since: z.iso.datetime().optional(),
            failure: z.strictObject({ at: z.iso.datetime(), reason: z.string() }).optional(),
            followed: z.boolean(),
          }),
        ),
      }),
    ),
  }),
  adopt: z.strictObject({
    ...version,
    environment: z.string(),
    revision: revision.unwrap(),
    settings: z.array(
      z.strictObject({
        ...{ target: z.string(), path: pointer, desired: z.json(), live: z.json() },
        ...{ where: z.string().optional(), error: errorShape.optional() },
      }),
    ),
    ...{ branch: z.string().nullable(), commit: revision, direct: z.boolean(), patch: z.string().optional() },
  }),
  revert: comparison,
  report: z.strictObject({
    ...version,
    ...{ from: z.iso.datetime(), to: z.iso.datetime(), complete: z.boolean(), interval: z.number().min(0) },
    total: z.strictObject(figures),
    environments: z.array(z.strictObject({ name: z.string(), ...figures })),
    open: z.array(
      z.strictObject({
        ...setting,
        kind,
        severity,
        rule: z.string(),
        ...{ desired: z.json(), live: z.json() },
        since: z.iso.datetime().nullable(),
        restrained: z.enum(["held", "flapping"]).optional(),
        note: z.string().optional(),
      }),
    ),
    noisiest: z.array(
      z.strictObject({ ...setting, times: z.int().min(1), healed: count, severity, last: z.iso.datetime() }),
    ),
    timeline: z.strictObject({
      days: z.union([z.literal(1), z.literal(7)]),
      bars: z.array(bySeverity.extend({ day: z.iso.date() }).strict()),
    }),
    resolveTimes: z.array(z.strictObject({ upTo: z.number().nullable(), count })),
  }),
  suspend: suspension,
  resume: suspension,
  hold: z.strictObject({
    ...version,
    did: z.enum(["listed", "held", "released"]),
    holds: z.array(
      z.strictObject({
        environment: z.string(),
        target: z.string(),
        path: z.union([pointer, z.literal("")]),
        source: z.enum(["person", "file"]),
        owner: z.string(),
        reason: z.string(),
        until: z.iso.datetime(),
        findings: z.int().min(0),
      }),
    ),
  }),
  approve: z.strictObject({
    ...version,
    did: z.enum(["listed", "shown", "approved"]),
    plans: z.array(
      z.strictObject({
        ...{ environment: z.string(), target: z.string(), ...planned },
        settings: z
          .array(
            z.strictObject({
              path: pointer,
              action: z.enum(["create", "update", "remove"]),
              ...{ live: z.json(), desired: z.json(), severity, sensitive: z.literal(true).optional() },
            }),
          )
          .min(1)
          .optional(),
      }),
    ),
  }),
  promote: z.strictObject({ ...version, hop, dryRun: z.boolean() }),
  promotions: z.strictObject({
    ...version,
    hops: z.array(hop),
    backports: z.array(hop),
    faults: z.array(z.strictObject({ environment: z.string(), error: errorShape })),
  }),
  rollback: z.strictObject({
    ...version,
    ...{ environment: z.string(), revision: revision.unwrap(), to: revision.unwrap() },
    changes: z.array(z.strictObject(difference)),
    ...{ commit: revision, branch: z.string().nullable(), pullRequest },
  }),
  compare: z.strictObject({
    ...version,
    relation: z.enum(["held", "ahead", "conflicting", "unrelated"]),
    from: z.strictObject({ name: z.string(), revision: revision.unwrap(), failedRevision }),
    to: z.strictObject({ name: z.string(), revision: revision.unwrap(), failedRevision }),
    settings: z.array(
      z.strictObject({
        ...{ target: z.string(), path: pointer, from: z.json(), to: z.json(), promoted: z.json().optional() },
        ...{ why: z.enum(["promotion", "overlay", "branch"]), sensitive: z.literal(true).optional() },
        where: z.strictObject({ from: z.string().optional(), to: z.string().optional() }),
      }),
    ),
  }),
  "policy explain": z.strictObject({
    ...version,
    explanations: z.array(
      z.strictObject({
        environment: z.string(),
        target: z.string(),
        path: pointer,
        kind,
        found: z.boolean(),
        severity: z.union([severity, z.literal("")]),
        actions: z.array(action),
        rule: z.string(),
        rules: z.array(z.strictObject({ name: z.string(), where: z.string(), said: z.string() })),
        restraints: z.array(z.string()).min(1).optional(),
        left: z.array(action).optional(),
      }),
    ),
  }),
  "policy test": z.strictObject({
    ...version,
    passed: z.boolean(),
    suites: z.array(
      z.strictObject({
        environments: z.array(z.string()),
        policy: z.string().optional(),
        cases: z.array(
          z.strictObject({
            name: z.string(),
            where: z.string(),
            passed: z.boolean(),
            expected: z.union([z.literal("none"), verdict.partial({ actions: true, rule: true })]),
            got: z.union([z.literal("none"), verdict]),
            passedOver: z.array(z.strictObject({ rule: z.string(), reason: z.string() })).optional(),
          }),
        ),
        uncovered: z.array(z.strictObject({ name: z.string(), where: z.string() })),
      }),
    ),
  }),
  "policy backtest": z.strictObject({
    ...version,
    since: z.iso.datetime(),
    complete: z.boolean(),
    replayed: z.int().min(0),
    unchanged: z.int().min(0),
    changes: z.array(
      z.strictObject({
        ...replayed,
        kind,
        desired: z.json(),
        live: z.json(),
        was: verdict,
        wouldBe: z.union([z.literal("none"), verdict]),
      }),
    ),
    unclear: z.array(
      z.strictObject({ ...replayed, rule: z.string(), missing: z.enum(["desired", "live", "lastApplied"]) }),
    ),
    rules: z.array(
      z.strictObject({ name: z.string(), where: z.string(), matched: z.int().min(0), unclear: z.int().min(0) }),
    ),
  }),
  "notify test": z.strictObject({
    ...version,
    notifier: z.string(),
    kind: z.string(),
    milliseconds: z.number().min(0),
  }),
  doctor: z.strictObject({
    ...version,
    healthy: z.boolean(),
    checks: z.array(
      z.strictObject({
        what: z.string(),
        result: z.enum(["ok", "failed", "read only", "unhealthy"]),
        milliseconds: z.number().min(0),
        detail: z.string(),
        error: errorShape.optional(),
      }),
    ),
    warnings: z.array(z.string()),
  }),
} as const;

export type Shape = keyof typeof shapes;

/** The answer of a verb, held against its shape. @throws ZodError */
export function answer<Verb extends Shape>(verb: Verb, text: string): z.output<(typeof shapes)[Verb]> {
  return shapes[verb].parse(JSON.parse(text)) as z.output<(typeof shapes)[Verb]>;
}
