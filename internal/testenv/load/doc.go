// Package load is agents who read, edit and follow prompts without pause while what they use is restarted, and who count
// every call that fails. They try nothing again: what a client library does by itself is what real agents have.
//
// It knows endpoints and tokens, and neither how Lectern was started nor by whom it is restarted.
package load
