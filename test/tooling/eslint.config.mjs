// Only the rules that need types; biome does the rest.
import { fileURLToPath } from 'node:url';
import tseslint from 'typescript-eslint';

const typeAware = {
  '@typescript-eslint/no-floating-promises': 'error',
  '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
  '@typescript-eslint/await-thenable': 'error',
  '@typescript-eslint/return-await': ['error', 'in-try-catch'],
  '@typescript-eslint/only-throw-error': ['error', { allowThrowingUnknown: true, allowThrowingAny: true }],
  '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
  '@typescript-eslint/no-unsafe-assignment': 'error',
  '@typescript-eslint/no-unsafe-call': 'error',
  '@typescript-eslint/no-unsafe-member-access': 'error',
  '@typescript-eslint/no-unsafe-return': 'error',
  '@typescript-eslint/no-unnecessary-type-assertion': 'error',
};

/** `expect.any(...)` and JSON are of type any, and every test is full of them. */
const { '@typescript-eslint/no-unsafe-assignment': _, ...typeAwareForTests } = typeAware;

const plugins = { '@typescript-eslint': tseslint.plugin };
const maxLines = ['error', { max: 350, skipBlankLines: true, skipComments: true }];
// One program for sources and tests: a second one costs as long as all rules together.
const everything = {
  parser: tseslint.parser,
  parserOptions: { project: fileURLToPath(new URL('tsconfig.json', import.meta.url)) },
};

export default [
  { ignores: ['**/dist/**', '**/*.mjs', '**/*.cjs', '**/*.js'] },
  {
    files: ['packages/*/src/**/*.ts', 'apps/*/src/**/*.ts'],
    ignores: ['apps/dashboard/**'],
    languageOptions: everything,
    plugins,
    rules: { ...typeAware, 'max-lines': maxLines },
  },
  {
    files: ['apps/dashboard/src/**/*.{ts,tsx}'],
    languageOptions: { parser: tseslint.parser, parserOptions: { projectService: true } },
    plugins,
    rules: { ...typeAware, 'max-lines': maxLines },
  },
  {
    // A forgotten `await expect(...)` is a test that cannot fail.
    files: ['packages/*/test/**/*.ts', 'apps/*/test/**/*.ts', 'test/**/*.ts'],
    languageOptions: everything,
    plugins,
    rules: typeAwareForTests,
  },
];
