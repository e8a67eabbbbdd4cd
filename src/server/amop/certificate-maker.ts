export { CertificateDirectory } from './certificate-directory.ts'
export { DEFAULT_AGENCY, DEFAULT_DAYS, makeCertificates, makeSdkCertificate } from './certificates.ts'
