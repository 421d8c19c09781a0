export { type Digest, DigestSum, digestOf, type MailSummary } from './digest.ts';
export {
  type Comparison,
  type Difference,
  type FlagSet,
  findDifferences,
  type Where,
} from './find-differences.ts';
export type { MailboxSummary, UidRange, VerifySide } from './side.ts';
export { StoreSide } from './store-side.ts';
export { type Verification, type VerifyOptions, verifyUser } from './verify-user.ts';
export { answerQuery, RemoteSide } from './wire.ts';
