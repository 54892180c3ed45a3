import { access } from "node:fs/promises";
import { TrueupError } from "../core/errors.js";
import { git, GitExit, type Place } from "./command.js";
import type { Mirror } from "./mirror.js";

/**
 * Checks that a commit is signed with one of the keys in the allowed-signers file (ssh-keygen(1), "ALLOWED SIGNERS").
 * OpenPGP and X.509 signatures do not count: what those tools trust is decided by the keyring of whoever runs Trueup.
 * @throws TrueupError GIT_UNSIGNED; CONFIG_INVALID where there is no such file.
 */
export async function verifySignature(
  mirror: Mirror,
  { commit, signers }: { commit: string; signers: string },
  signal: AbortSignal,
): Promise<void> {
  await access(signers).catch((cause: unknown) => {
    throw new TrueupError("CONFIG_INVALID", `the file of allowed signers cannot be read`, {
      where: { file: signers },
      hint: "Each line: an e-mail address and a public key, e.g. `ann@example.org ssh-ed25519 AAAA…`.",
      cause,
    });
  });
  const text = await mirror.local((place) => git(place, ["cat-file", "commit", commit], signal), signal);
  const header = text.slice(0, text.indexOf("\n\n"));
  if (!/^gpgsig(-sha256)? /m.test(header)) throw unsigned(commit, "is not signed");
  if (!header.includes("-----BEGIN SSH SIGNATURE-----")) throw unsigned(commit, "is signed, but not with an ssh key");
  await mirror.local((place) => verify(place, { commit, signers }, signal), signal);
}

async function verify(place: Place, asked: { commit: string; signers: string }, signal: AbortSignal): Promise<void> {
  const settings = ["-c", `gpg.ssh.allowedSignersFile=${asked.signers}`, "-c", "gpg.ssh.program=ssh-keygen"];
  try {
    await git(place, [...settings, "verify-commit", asked.commit], signal);
  } catch (error) {
    if (!(error instanceof GitExit)) throw error;
    if (/cannot run ssh-keygen|ssh-keygen.*not found|cannot exec/.test(error.stderr)) {
      throw new TrueupError("GIT_FAILED", "ssh-keygen was not found, so no signature can be checked", {
        hint: "Install the OpenSSH client.",
      });
    }
    throw unsigned(asked.commit, "has no valid signature by an allowed signer");
  }
}

function unsigned(commit: string, what: string): TrueupError {
  return new TrueupError("GIT_UNSIGNED", `commit ${commit.slice(0, 12)} ${what}`, {
    hint: "Sign it (git config gpg.format ssh; git commit --amend -S) with a key that repository.signers lists.",
  });
}
