// Package oauth speaks to Zoho's accounts servers: it exchanges a grant code, refreshes and revokes tokens.
//
// Each function makes one call and says what became of it: most errors of the token endpoint come with HTTP 200, so an access
// token in the answer is what success is. The package keeps nothing, counts nothing and tries nothing twice; who may call when
// is for the caller, since ten refreshes in ten minutes block a refresh token for everybody who has it. Its invariant: no secret
// that was sent or received is in an error, and nothing that the server wrote.
package oauth
