export { type DovecotExportReport, type DovecotHome, exportDovecot } from './export.ts';
export { type DovecotImportReport, importDovecot } from './import.ts';
