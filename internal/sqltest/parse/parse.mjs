// Reads the golden files of the dialects that no test runs with a parser of each
// (sqlparser-rs). It knows the grammar, not the names, types and functions.
import { readFileSync } from 'node:fs';
import { init, parse } from '@guanmingchiu/sqlparser-ts';

await init();
let failed = 0, passed = 0;
for (const dialect of ['bigquery', 'snowflake', 'databricks']) {
  const text = readFileSync(new URL(`../../../diff/sqldiff/testdata/${dialect}.sql`, import.meta.url), 'utf8');
  for (const statement of text.split(';\n').filter((s) => s.trim() !== '')) {
    try {
      if (parse(statement, dialect).length !== 1) throw new Error('not one statement');
      passed++;
    } catch (e) {
      failed++;
      console.error(`${dialect}: ${e.message}\n  ${statement}`);
    }
  }
}
// What is no statement must not pass, or the parser says nothing.
for (const [dialect, wrong] of [['bigquery', 'SELECT a FROM UNNEST('], ['snowflake', 'SELECT v FROM'], ['databricks', 'CREATE TABLE']]) {
  try {
    parse(wrong, dialect);
    failed++;
    console.error(`${dialect}: read ${wrong}`);
  } catch {
    passed++;
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
