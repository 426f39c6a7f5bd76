import { existsSync } from 'node:fs';
import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';

const only = (patterns, message) => ({
  'no-restricted-imports': ['error', { patterns: [{ regex: patterns, message }] }],
});

/** Engines that Earshot is measured beside have no types until `npm run bench:peers` has installed them. */
const peers = existsSync(`${import.meta.dirname}/bench/peers/node_modules`) ? [] : ['bench/peers/engines'];

export default tseslint.config(
  { ignores: ['node_modules', '.cache', 'coverage', ...peers] },
  eslint.configs.recommended,
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      'max-lines': ['error', { max: 400, skipComments: true }],
      'max-lines-per-function': ['error', { max: 80, skipComments: true }],
      'no-console': 'error',
      eqeqeq: 'error',
    },
  },
  {
    // Environment variables have one reader.
    files: ['src/**', 'activities/**', 'workers/**', 'workflows/**'],
    ignores: ['src/config.ts', 'src/stack/**'],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'Read settings through src/config.ts.' },
      ],
    },
  },
  // The import zones of the design: arrows point towards the domain only.
  {
    files: ['src/domain/**'],
    rules: only('^\\.\\./', 'The domain imports nothing but itself.'),
  },
  {
    files: ['workflows/**'],
    rules: only(
      '^(node:|\\.\\./(activities|workers|test)|\\.\\./src/(?!domain/))',
      'Workflows import the domain only.',
    ),
  },
  {
    files: ['src/db/**', 'src/raw-store/**', 'src/models/**'],
    rules: only('^\\.\\./(?!domain/)', 'The outside worlds import the domain only.'),
  },
  {
    files: ['activities/**'],
    rules: only(
      '^\\.\\./(workers|workflows|test)|^\\.\\./src/(api|stack)/',
      'Activities import src, not the API or the stack.',
    ),
  },
  {
    files: ['src/**'],
    ignores: ['src/stack/**', 'src/domain/**', 'src/db/**', 'src/raw-store/**', 'src/models/**'],
    rules: only(
      '^(\\.\\./)+(workers|workflows|activities|test)/',
      'Only workers and the stack wire activities and workflows.',
    ),
  },
  {
    files: ['src/verification/**'],
    rules: only(
      '/(erased-rows|erasures|expired-records|residue|customer-runs)\\.ts$|/erasure/|(workers|workflows|activities|test)/',
      'What verifies shares no code with what deletes.',
    ),
  },
  {
    files: ['test/**', 'bench/**', 'workers/**', 'src/stack/**', '*.ts'],
    rules: { 'no-console': 'off', 'max-lines-per-function': 'off' },
  },
  { files: ['**/*.js'], ignores: ['src/api/pages/public/**'], ...tseslint.configs.disableTypeChecked },
  {
    // What browsers run as it stands: the compiler knows its types by its comments, and what a browser has.
    files: ['src/api/pages/public/**'],
    rules: {
      'no-undef': 'off',
      '@typescript-eslint/explicit-module-boundary-types': 'off',
      'no-restricted-properties': [
        'error',
        ...['innerHTML', 'outerHTML', 'insertAdjacentHTML'].map((property) => ({
          property,
          message: 'Text never becomes markup: use textContent.',
        })),
      ],
    },
  },
);
