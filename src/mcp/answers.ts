/**
 * What answers a client beyond its first question. It is loaded when there is a second one, so that the
 * first does not wait for it.
 */
export {
  type CallResult,
  callTool,
  listTool,
  refusedCall,
  unknownTool,
} from './call-tool.ts'
export { ResourceRequests, resourceTemplates } from './resource-requests.ts'
