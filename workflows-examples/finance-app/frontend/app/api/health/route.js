// Answers the load balancer. It says that this process serves, and asks nothing else.

// Asked anew each time: without this Next.js may answer with what it rendered during the build.
export const dynamic = 'force-dynamic'

export function GET() {
  return Response.json({ status: 'ok', timestamp: new Date().toISOString() })
}
