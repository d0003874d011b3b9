/** What the Docker backend needs of the machine. */
import { isSandboxError } from '../../errors.ts'
import type { Check, Finding } from '../../sandbox.ts'
import type { DockerEngine } from './engine.ts'

export function dockerChecks(
  reach: (signal: AbortSignal) => Promise<DockerEngine>,
  image: string,
  platform: string | undefined,
): readonly Check[] {
  return [
    {
      name: 'engine',
      run: (signal) => found(async () => ({ ok: true, detail: (await reach(signal)).name })),
    },
    {
      name: 'image',
      run: (signal) =>
        found(async () => {
          const engine = await reach(signal).catch((error: unknown) => {
            // Why there is none is what the first finding says.
            if (isSandboxError(error)) return undefined
            throw error
          })
          if (engine === undefined) return unknownImage(image)
          if (await engine.hasImage(image, platform, signal)) return { ok: true, detail: image }
          const detail = `${image} is not on this machine; it is pulled at first use`
          return { ok: false, detail, fix: `docker pull ${image}` }
        }),
    },
  ]
}

const unknownImage = (image: string): Finding => ({
  ok: false,
  detail: `whether ${image} is there cannot be told without an engine`,
  fix: 'Make the engine work first.',
})

/** The engine's own words where it had some. */
export function messageOf(error: unknown): string {
  const { json, message } = error as { json?: { message?: string }; message?: string }
  return json?.message ?? message ?? String(error)
}

async function found(look: () => Promise<Finding>): Promise<Finding> {
  try {
    return await look()
  } catch (error) {
    const fix = isSandboxError(error) ? error.hint : 'See what the engine logs.'
    return { ok: false, detail: messageOf(error), fix }
  }
}
