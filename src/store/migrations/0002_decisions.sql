-- What people decide, and what they are told.
--
-- Glossary
--   hold         "leave this drift alone until then, because, says who": of one setting or of what is below it
--   approval     "this very plan may be written", by the plan's hash; void when the plan changes
--   incident     one drift from its opening to its end; the row stays, closed, for the reports
--   outbox       messages that a notifier has yet to take, in order

CREATE TABLE trueup.hold (
  environment  text NOT NULL,
  target       text NOT NULL,
  path         text NOT NULL,         -- a JSON Pointer; '' holds the whole target
  source       text NOT NULL,         -- person: set on the command line; file: a copy of what git says, to tell its end by
  owner        text NOT NULL,
  reason       text NOT NULL,
  held_at      timestamptz NOT NULL DEFAULT now(),
  ends_at      timestamptz NOT NULL,
  PRIMARY KEY (environment, target, path, source)
);

CREATE TABLE trueup.approval (
  environment  text NOT NULL,
  target       text NOT NULL,
  plan         text NOT NULL,         -- the hash of the plan
  asked        text NOT NULL,         -- JSON: whose plan it is, so that it can be made again and compared
  approved_by  text NOT NULL,
  reason       text,
  approved_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (environment, target)
);

CREATE TABLE trueup.incident (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  fingerprint  text NOT NULL,
  environment  text NOT NULL,
  target       text NOT NULL,
  path         text,
  view         text NOT NULL,         -- JSON, redacted: as it stands
  severity     text NOT NULL,
  held         boolean NOT NULL DEFAULT false,
  escalated_after bigint NOT NULL DEFAULT 0,  -- milliseconds: the greatest of the ages that were told
  told         text[] NOT NULL,       -- notifiers that know of it: they hear of its end, too
  opened_with  text NOT NULL,         -- the step that opened it: what was opened together is one thread
  version      integer NOT NULL DEFAULT 1,  -- counts changes: who would change what another changed since looks again
  opened_at    timestamptz NOT NULL DEFAULT now(),
  changed_at   timestamptz NOT NULL DEFAULT now(),
  closed_at    timestamptz,
  closed_as    text                   -- healed, adopted, resolved, …
);
CREATE UNIQUE INDEX incident_open ON trueup.incident (fingerprint) WHERE closed_at IS NULL;
CREATE INDEX incident_open_of_target ON trueup.incident (environment, target) WHERE closed_at IS NULL;
CREATE INDEX incident_opened ON trueup.incident (opened_at);

CREATE TABLE trueup.outbox (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  message_id   text NOT NULL,
  notifier     text NOT NULL,
  incidents    text[] NOT NULL,       -- fingerprints: a message waits for earlier ones that share one
  message      text NOT NULL,         -- JSON, redacted
  created_at   timestamptz NOT NULL DEFAULT now(),
  not_before   timestamptz NOT NULL DEFAULT now(),
  attempts     integer NOT NULL DEFAULT 0,
  last_error   text,
  claimed_by   text,
  claimed_until timestamptz,         -- a claim of a controller that died runs out
  dead_at      timestamptz,           -- refused too often: kept to be looked at, in nobody's way
  UNIQUE (notifier, message_id)
);
CREATE INDEX outbox_due ON trueup.outbox (notifier, not_before, id);

-- What a notifier answered to the first message of an incident: its thread.
CREATE TABLE trueup.thread (
  notifier     text NOT NULL,
  fingerprint  text NOT NULL,
  thread       text NOT NULL,
  PRIMARY KEY (notifier, fingerprint)
);
