// Package redact keeps credentials out of what is logged, reported and put in errors.
//
// It knows no HTTP and no ServiceDesk Plus. A credential is a Secret, which prints as a placeholder whatever prints it; text that
// others wrote goes through a Redactor. Its invariant: a secret that a Redactor was given is in no text it returns, as it is or
// as URLs, HTML, JSON and Base64 spell it, and what looks like a credential is not either, under whatever name it comes.
package redact
