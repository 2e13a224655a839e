/** @type {import('next').NextConfig} */
const config = {
  // A folder with the server and just what it imports, for the Dockerfile.
  output: 'standalone',
  // The load balancer takes 200 for healthy; a redirect of /api/health to /api/health/ would not be.
  trailingSlash: false,
}

export default config
