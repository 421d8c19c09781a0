import { DsyncdError, systemCode } from '@dsyncd/core';

interface Explanation {
  readonly says: string;
  readonly hint: string;
}

const untrusted: Explanation = {
  says: 'its certificate is not signed by an authority that we trust',
  hint: 'set ssl.client_ca_file to the authority that signed the certificate of the other host',
};
const ours: Explanation = {
  says: 'it does not accept our client certificate',
  hint: 'check ssl.client_cert_file and ssl.client_key_file, and the client CA file of the other host',
};
const noTls: Explanation = {
  says: 'it does not speak TLS on that port',
  hint: 'use tcp: instead of tcps:, or turn on ssl for that listener of the other host',
};
const noVersion: Explanation = {
  says: 'it speaks no TLS version that we do',
  hint: 'at least TLS 1.2 is needed on both hosts',
};

const explanations: Readonly<Record<string, Explanation>> = {
  CERT_HAS_EXPIRED: {
    says: 'its certificate has expired',
    hint: 'renew the certificate of the other host and reload its dsync server',
  },
  CERT_NOT_YET_VALID: {
    says: 'its certificate is not valid yet',
    hint: 'check the clocks of both hosts and the certificate of the other one',
  },
  CERT_REVOKED: { says: 'its certificate is revoked', hint: 'give the other host a new certificate' },
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  CERT_UNTRUSTED: untrusted,
  CERT_SIGNATURE_FAILURE: untrusted,
  INVALID_CA: untrusted,
  INVALID_PURPOSE: untrusted,
  ERR_TLS_CERT_ALTNAME_INVALID: {
    says: 'its certificate is for another host name',
    hint: 'use in mail_replica a name that the certificate of the other host has, or give it a certificate for that name',
  },
  ERR_SSL_WRONG_VERSION_NUMBER: noTls,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: noTls,
  ERR_SSL_UNSUPPORTED_PROTOCOL: noVersion,
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: noVersion,
  ERR_SSL_NO_PROTOCOLS_AVAILABLE: noVersion,
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: ours,
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: ours,
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: ours,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: ours,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: ours,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED: ours,
  ERR_SSL_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE: ours,
};

/** Undefined when the error is not about TLS. All of these need a person. */
export function describeTlsError(peerName: string, error: Error): DsyncdError | undefined {
  const code = systemCode(error);
  const explanation = explanations[code];
  if (explanation === undefined) return undefined;
  const detail = code === 'ERR_TLS_CERT_ALTNAME_INVALID' ? ` (${error.message.slice(0, 300)})` : '';
  return new DsyncdError('DSYNCD_TLS', `${peerName}: ${explanation.says}${detail}`, {
    outcome: 'operator',
    hint: explanation.hint,
    cause: error,
  });
}
