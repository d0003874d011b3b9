/** What sandboxes are called. */

/**
 * Whether it has the form of a name that we give. What is kept of a sandbox on the host is in files of its
 * name, so one of any other form is not taken from whoever says that it is ours.
 */
export const isSandboxName = (name: string) => /^sbx-[a-z0-9]{15}$/.test(name)
