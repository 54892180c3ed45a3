-- What Trueup remembers, all in the schema `trueup`. Everything here can be rebuilt: an empty store means first contact.
--
-- Glossary
--   target      one live system, or part of one, that holds configuration; the row keeps what Trueup last wrote to it or
--               adopted from it (last applied), and the state in which the last pass left it
--   event       one line of the history: what was found, done or decided; never changed after it was written
--   lease       "this controller alone reconciles this, until then": advisory, renewed while its holder lives
--   suspension  "leave this environment alone until then": a person's decision
--
-- Values of sensitive settings are never here in the clear: they arrive sealed or redacted. Every instant is by the clock of
-- the database, so that controllers whose clocks differ agree. Only features of PostgreSQL 14 are used.

CREATE TABLE trueup.target (
  environment  text NOT NULL,
  target       text NOT NULL,
  last_applied text,                  -- sealed JSON as it was handed over; NULL before first contact
  status       text NOT NULL,         -- JSON as it was handed over
  revision     text,                  -- the commit that the last pass compared with
  saved_at     timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (environment, target)
);

CREATE TABLE trueup.event (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at           timestamptz NOT NULL DEFAULT now(),
  environment  text NOT NULL,
  target       text,
  type         text NOT NULL,
  path         text,                  -- a JSON Pointer
  revision     text,
  message      text NOT NULL,
  detail       json                   -- json, not jsonb: jsonb refuses \u0000, which a YAML string may hold
);
-- The history is read newest first, of everything or of one environment.
CREATE INDEX event_newest ON trueup.event (at DESC, id DESC);
CREATE INDEX event_newest_of_environment ON trueup.event (environment, at DESC, id DESC);

-- The fencing token: whoever takes a lease draws a higher one, and a renewal or release that bears an older one finds no row.
CREATE SEQUENCE trueup.lease_token;
CREATE TABLE trueup.lease (
  name         text PRIMARY KEY,
  holder       text NOT NULL,         -- for people: which controller, on which host
  token        bigint NOT NULL DEFAULT nextval('trueup.lease_token'),
  expires_at   timestamptz NOT NULL
);

CREATE TABLE trueup.suspension (
  environment  text PRIMARY KEY,
  suspended_by text NOT NULL,
  reason       text NOT NULL,
  suspended_at timestamptz NOT NULL DEFAULT now(),
  ends_at      timestamptz            -- NULL: until resumed
);
