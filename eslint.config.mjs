// SPDX-License-Identifier: Apache-2.0
import js from '@eslint/js';
import typescript from 'typescript-eslint';

export default typescript.config(
  { ignores: ['build/', 'dist/', 'node_modules/'] },
  js.configs.recommended,
  ...typescript.configs.recommended,
  {
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        Buffer: 'readonly',
        URL: 'readonly',
        WebAssembly: 'readonly',
        performance: 'readonly',
        setTimeout: 'readonly',
        clearTimeout: 'readonly',
        setInterval: 'readonly',
        clearInterval: 'readonly',
        setImmediate: 'readonly',
        fetch: 'readonly',
        AbortSignal: 'readonly',
        TextDecoder: 'readonly',
        TextEncoder: 'readonly',
      },
    },
    rules: {
      eqeqeq: 'error',
      'no-var': 'error',
      'prefer-const': 'error',
      'max-lines': ['error', { max: 1000, skipComments: true, skipBlankLines: true }],
    },
  },
  {
    // AssemblyScript: == compares numbers and strings alike, void functions may be empty, sized loops are wanted.
    files: ['assembly/**/*.ts'],
    rules: {
      eqeqeq: 'off',
      'no-undef': 'off',
      'no-empty': ['error', { allowEmptyCatch: false }],
      'no-constant-condition': 'off',
      'no-loss-of-precision': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { args: 'none' }],
      'no-unused-vars': 'off',
    },
  },
);
