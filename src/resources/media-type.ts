/** What a file's name says that it holds. */
import { extname } from 'node:path/posix'

const types: Readonly<Record<string, string>> = {
  '.avif': 'image/avif',
  '.bmp': 'image/bmp',
  '.c': 'text/x-c',
  '.cc': 'text/x-c++',
  '.cpp': 'text/x-c++',
  '.css': 'text/css',
  '.csv': 'text/csv',
  '.gif': 'image/gif',
  '.go': 'text/x-go',
  '.gz': 'application/gzip',
  '.h': 'text/x-c',
  '.hpp': 'text/x-c++',
  '.htm': 'text/html',
  '.html': 'text/html',
  '.ico': 'image/vnd.microsoft.icon',
  '.java': 'text/x-java',
  '.jpeg': 'image/jpeg',
  '.jpg': 'image/jpeg',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.jsx': 'text/javascript',
  '.kt': 'text/x-kotlin',
  '.log': 'text/plain',
  '.lua': 'text/x-lua',
  '.md': 'text/markdown',
  '.mjs': 'text/javascript',
  '.mp3': 'audio/mpeg',
  '.mp4': 'video/mp4',
  '.pdf': 'application/pdf',
  '.php': 'text/x-php',
  '.png': 'image/png',
  '.py': 'text/x-python',
  '.rb': 'text/x-ruby',
  '.rs': 'text/x-rust',
  '.sh': 'text/x-shellscript',
  '.sql': 'application/sql',
  '.svg': 'image/svg+xml',
  '.swift': 'text/x-swift',
  '.tar': 'application/x-tar',
  '.toml': 'application/toml',
  '.ts': 'text/x-typescript',
  '.tsx': 'text/x-typescript',
  '.tsv': 'text/tab-separated-values',
  '.txt': 'text/plain',
  '.wasm': 'application/wasm',
  '.wav': 'audio/wav',
  '.webp': 'image/webp',
  '.xml': 'application/xml',
  '.yaml': 'application/yaml',
  '.yml': 'application/yaml',
  '.zip': 'application/zip',
}

/** Undefined when it says nothing. */
export function mediaTypeByName(path: string): string | undefined {
  const extension = extname(path).toLowerCase()
  return Object.hasOwn(types, extension) ? types[extension] : undefined
}

/** True for types whose files are written by people and tools as text. */
export function isTextType(type: string): boolean {
  return /^text\/|^application\/(json|toml|yaml|xml|sql)$|\+xml$/.test(type)
}
