package v1alpha1_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding/unicode"
)

// manifestFile is a file as a person may hand it to kubectl and to us. NAME in it stands for a name no other file has.
type manifestFile struct {
	name, content string
	// objects are the names in it. A file without any is only taken when it is empty.
	objects []string
	empty   bool
}

// sampleName matches the name of a sample's object.
var sampleName = regexp.MustCompile(`\n  name: [a-z-]+`)

// objectNames matches the names that a text of the corpus gives to objects.
var objectNames = regexp.MustCompile(`NAME(-[bc])?\b`)

// corpusHead begins every manifest of the corpus.
const corpusHead = "apiVersion: lectern.dev/v1alpha1\nkind: Prompt\nmetadata: {name: NAME}\nspec:\n"

func corpusPrompt(suffix, spec string) string {
	return strings.Replace(corpusHead, "NAME", "NAME"+suffix, 1) + spec
}

func corpusJSON(suffix, spec string) string {
	return `{"apiVersion":"lectern.dev/v1alpha1","kind":"Prompt","metadata":{"name":"NAME` + suffix + `"},"spec":` + spec + `}`
}

// corpusEncodings are the ways in which a text is stored.
var corpusEncodings = map[string]func(string) string{
	"utf8":          func(s string) string { return s },
	"utf8-bom":      func(s string) string { return "\ufeff" + s },
	"utf16le":       func(s string) string { return encodeUTF16(unicode.LittleEndian, unicode.UseBOM, s) },
	"utf16be":       func(s string) string { return encodeUTF16(unicode.BigEndian, unicode.UseBOM, s) },
	"utf16le-nobom": func(s string) string { return encodeUTF16(unicode.LittleEndian, unicode.IgnoreBOM, s) },
	"crlf":          func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
	"no-last-break": func(s string) string { return strings.TrimSuffix(s, "\n") },
}

func encodeUTF16(order unicode.Endianness, mark unicode.BOMPolicy, s string) string {
	out, err := unicode.UTF16(order, mark).NewEncoder().String(s)
	if err != nil {
		panic(err)
	}
	return out
}

// corpusShapes are the ways in which objects stand in a file. Each is stored in every encoding.
var corpusShapes = map[string]string{
	"block":                corpusPrompt("", "  text: |\n    Héllo 😀\n      there\n  title: T\n"),
	"block-keep":           corpusPrompt("", "  text: |+\n    Hello\n\n\n"),
	"block-at-the-end":     corpusPrompt("", "  text: |\n    Hello\n    there\n"),
	"folded":               corpusPrompt("", "  text: >-\n    Hello\n    there\n\n    you\n"),
	"quoted":               corpusPrompt("", "  text: \"Hello\\n\\tthere\\u00e9 \\\n    you\"\n"),
	"single-quoted":        corpusPrompt("", "  text: 'it''s\n\n    here'\n"),
	"plain":                corpusPrompt("", "  text: Hello\n    there\n"),
	"flow":                 "{apiVersion: lectern.dev/v1alpha1, kind: Prompt, metadata: {name: NAME},\n spec: {text: Hello}}\n",
	"json":                 corpusJSON("", `{"text":"H\u00e9llo \ud83d\ude00\n"}`) + "\n",
	"json-tabs":            "{\n\t\"apiVersion\": \"lectern.dev/v1alpha1\",\n\t\"kind\": \"Prompt\",\n\t\"metadata\": {\"name\": \"NAME\"},\n\t\"spec\": {\"text\": \"x\"}\n}\n",
	"json-stream":          corpusJSON("", `{"text":"a"}`) + corpusJSON("-b", `{"text":"b"}`) + "\n" + corpusJSON("-c", `{"text":"c"}`) + "\n",
	"json-then-yaml":       corpusJSON("", `{"text":"a"}`) + "\n---\n" + corpusPrompt("-b", "  text: b\n") + "---\n" + corpusJSON("-c", `{"text":"c"}`) + "\n",
	"jsons-then-yaml":      corpusJSON("", `{"text":"a"}`) + "\n" + corpusJSON("-b", `{"text":"b"}`) + "\n---\n" + corpusPrompt("-c", "  text: c\n"),
	"json-then-words":      corpusJSON("", `{"text":"a"}`) + " and more\n",
	"json-unfinished":      strings.TrimSuffix(corpusJSON("", `{"text":"a"}`), "}") + "\n",
	"json-doubled-key":     corpusJSON("", `{"text":"a","title":"b","title":"c"}`) + "\n",
	"json-behind-yaml":     corpusPrompt("", "  text: a\n") + "---\n" + corpusJSON("-b", `{"text":"H\u00e9 \/ b"}`) + "\n",
	"json-tabs-in-yaml":    corpusPrompt("", "  text: a\n") + "---\n{\n\t\"apiVersion\": \"lectern.dev/v1alpha1\",\n\t\"kind\": \"Prompt\",\n\t\"metadata\": {\"name\": \"NAME-b\"},\n\t\"spec\": {\"text\": \"x\"}\n}\n",
	"documents":            "# c\n---\n" + corpusPrompt("", "  text: a\n") + "--- # d\n---\n\n---\n" + corpusPrompt("-b", "  text: b\n"),
	"null-document":        corpusPrompt("", "  text: a\n") + "---\nnull\n---\n~\n",
	"comments-only":        "# nothing\n---\n# here\n",
	"separator-in-block":   corpusPrompt("", "  text: |\n    First half\n---\n    Second half\n"),
	"separator-and-list":   corpusPrompt("", "  text: |\n    First half\n---\n    - one\n    - two\n"),
	"separator-and-keys":   corpusPrompt("", "  text: |\n    First half\n---\n    Note: be brief\n    Second: half\n"),
	"separator-and-mess":   corpusPrompt("", "  text: |\n    First half\n---\n    Note: be brief: \"Second\n  half: {\n"),
	"separator-and-title":  corpusPrompt("", "  text: |\n    First half\n---\n    # Second half\n"),
	"separator-and-end":    corpusPrompt("", "  text: |\n    First half\n---\n"),
	"separator-indented":   corpusPrompt("", "  text: |\n    First half\n    ---\n    Second half\n"),
	"separator-in-quote":   corpusPrompt("", "  text: \"First half\n---\n    Second half\"\n"),
	"separator-and-word":   corpusPrompt("", "  text: a\n") + "--- b\n" + corpusPrompt("-b", "  text: b\n"),
	"dashes":               corpusPrompt("", "  text: a\n") + "-----\n" + corpusPrompt("-b", "  text: b\n"),
	"document-in-line":     corpusPrompt("", "  text: a\n") + "--- {a: b}\n",
	"end-of-document":      corpusPrompt("", "  text: a\n") + "...\n",
	"words-behind-the-end": corpusPrompt("", "  text: a\n") + "...\nmore: b\n",
	"words-behind-braces":  "{apiVersion: lectern.dev/v1alpha1, kind: Prompt, metadata: {name: NAME}, spec: {text: a}}\nmore: b\n",
	"no-kind-behind":       corpusPrompt("", "  text: a\n") + "---\na: b\n",
	"mess-before":          "{{ template }}\n---\n" + corpusPrompt("", "  text: a\n"),
	"mess-behind":          corpusPrompt("", "  text: a\n") + "---\na: b: c\n---\n" + corpusPrompt("-b", "  text: b\n"),
	"list":                 "apiVersion: v1\nkind: List\nitems:\n- apiVersion: lectern.dev/v1alpha1\n  kind: Prompt\n  metadata: {name: NAME}\n  spec: {text: a}\n- apiVersion: lectern.dev/v1alpha1\n  kind: Prompt\n  metadata: {name: NAME-b}\n  spec: {text: b}\n",
	"prompt-list":          "apiVersion: lectern.dev/v1alpha1\nkind: PromptList\nitems:\n- metadata: {name: NAME}\n  spec: {text: a}\n- {apiVersion: lectern.dev/v1alpha1, kind: Prompt, metadata: {name: NAME-b}, spec: {text: b}}\n",
	"list-in-list":         "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: List\n  items:\n  - apiVersion: lectern.dev/v1alpha1\n    kind: Prompt\n    metadata: {name: NAME}\n    spec: {text: a}\n",
	"list-of-words":        "apiVersion: lectern.dev/v1alpha1\nkind: PromptList\nitems: [a, b]\n",
	"list-of-the-unkind":   "apiVersion: v1\nkind: List\nitems:\n- metadata: {name: NAME}\n  spec: {text: a}\n- {apiVersion: lectern.dev/v1alpha1, kind: Prompt, metadata: {name: NAME-b}, spec: {text: b}}\n",
	"anchors":              corpusPrompt("", "  text: &t Hello\n  title: *t\n"),
	"merge":                corpusPrompt("", "  text: a\n  metadata:\n    one: &one {a: 1, b: [x]}\n    two: {<<: *one, b: 2}\n"),
	"merge-spec":           "apiVersion: lectern.dev/v1alpha1\nkind: Prompt\nmetadata: {name: NAME}\nspec:\n  <<: {text: a, title: b}\n  title: c\n",
	"tags":                 corpusPrompt("", "  text: !!str 5\n  historyLimit: !!int \"7\"\n  suspend: !!bool yes\n"),
	"own-tag":              corpusPrompt("", "  text: !important do it\n"),
	"binary":               corpusPrompt("", "  text: !!binary SGVsbG8=\n"),
	"doubled-key":          corpusPrompt("", "  text: a\n  text: b\n"),
	"tab-in-indentation":   corpusPrompt("", "  text: |\n\tHello\n"),
	"tab-behind-a-key":     corpusPrompt("", "  text:\tHello\n"),
	"question-mark":        corpusPrompt("", "  ? text\n  : Hello\n"),
	"directive":            "%YAML 1.1\n---\n" + corpusPrompt("", "  text: a\n"),
	"breaks":               corpusPrompt("", "  text: \"a\u2028b\u0085c\"\n  title: a\u00a0b\n"),
}

// corpusSpecs are what people write into a manifest, stored in UTF-8.
var corpusSpecs = map[string]string{
	"nothing-for-title":        "  text: x\n  title:\n",
	"nothing-for-description":  "  text: x\n  description: null\n",
	"nothing-for-category":     "  text: x\n  category: ~\n",
	"nothing-for-tags":         "  text: x\n  tags:\n",
	"nothing-for-metadata":     "  text: x\n  metadata:\n",
	"nothing-for-syntax":       "  text: x\n  syntax:\n",
	"nothing-for-exposure":     "  text: x\n  exposure:\n",
	"nothing-for-arguments":    "  text: x\n  arguments:\n",
	"nothing-for-messages":     "  text: x\n  messages:\n",
	"nothing-for-text":         "  text:\n  messages: [{role: user, text: x}]\n",
	"nothing-for-channels":     "  text: x\n  channels:\n",
	"nothing-for-withdrawn":    "  text: x\n  withdrawnVersions:\n",
	"nothing-for-history":      "  text: x\n  historyLimit:\n",
	"nothing-for-policy":       "  text: x\n  deletionPolicy:\n",
	"nothing-for-suspend":      "  text: x\n  suspend:\n",
	"nothing-for-default":      "  text: \"{{a}}\"\n  arguments: [{name: a, default: }]\n",
	"nothing-for-enum":         "  text: \"{{a}}\"\n  arguments: [{name: a, enum: }]\n",
	"nothing-for-required":     "  text: \"{{a}}\"\n  arguments: [{name: a, required: }]\n",
	"nothing-for-version":      "  text: x\n  channels: [{name: beta, version: }]\n",
	"nothing-for-a-role":       "  messages: [{role: , text: x}]\n",
	"nothing-in-a-list":        "  text: x\n  tags: [a, ]\n",
	"null-in-a-list":           "  text: x\n  tags: [a, null]\n",
	"null-argument":            "  text: x\n  arguments: [null]\n",
	"nulls-in-metadata":        "  text: x\n  metadata: {a: null, b: [null, 1.5, {c: true}]}\n",
	"empty-list":               "  text: x\n  tags: []\n",
	"empty-arguments":          "  text: x\n  arguments: []\n",
	"empty-spec":               "  {}\n",
	"whole-number-with-point":  "  text: x\n  historyLimit: 5.0\n",
	"fraction":                 "  text: x\n  historyLimit: 5.5\n",
	"number-too-large":         "  text: x\n  withdrawnVersions: [9223372036854775808]\n",
	"large-number":             "  text: x\n  metadata: {a: 12345678901234567890, b: 9223372036854775807, c: 1e400}\n",
	"not-a-number":             "  text: x\n  metadata: {a: .nan, b: .inf}\n",
	"very-deep-metadata":       "  text: x\n  metadata: " + strings.Repeat("{a: ", 70) + "b" + strings.Repeat("}", 70) + "\n",
	"octal":                    "  text: x\n  historyLimit: 010\n",
	"hexadecimal":              "  text: x\n  historyLimit: 0x10\n",
	"underscores":              "  text: x\n  historyLimit: 1_000\n",
	"sexagesimal":              "  text: x\n  title: 12:30:45\n",
	"yes":                      "  text: x\n  suspend: yes\n",
	"quoted-boolean":           "  text: x\n  suspend: \"true\"\n",
	"date":                     "  text: x\n  title: 2026-01-31\n",
	"year":                     "  text: x\n  title: 2026\n",
	"tags-in-words":            "  text: x\n  tags: one, two\n",
	"unknown-field-of-nothing": "  text: x\n  txet:\n",
	"unknown-field":            "  text: x\n  txet: y\n",
	"unknown-in-argument":      "  text: \"{{b}}\"\n  arguments: [{name: b, defualt: c}]\n",
	"argument-twice":           "  text: x\n  arguments: [{name: b}, {name: b, required: false}]\n",
	"number-as-key":            "  text: x\n  metadata: {1: a, true: b, 1.5: c}\n",
	"null-as-key":              "  text: x\n  metadata: {~: a}\n",
	"list-as-key":              "  text: x\n  metadata: {[a]: b}\n",
	"text-is-a-list":           "  text: [a]\n",
	"text-is-a-template":       "  text: {{name}}\n",
	"spec-is-a-text":           "  hello\n",
	"hundred-characters":       "  text: x\n  category: " + hundred("é") + "\n",
	"one-character-more":       "  text: x\n  category: " + hundred("é") + "e\n",
	"invalid-utf8":             "  text: \"a\xffb\"\n",
	"nul":                      "  text: \"a\\0b\"\n",
	"raw-nul":                  "  text: \"a\x00b\"\n",
	"escape-character":         "  text: \"a\x1bb\"\n",
	"escaped-escape":           "  text: \"a\\eb\"\n",
	"escaped-delete":           "  text: \"a\\x7fb\"\n",
	"escaped-next-line":        "  text: \"a\\Nb\"\n",
	"escaped-c1":               "  text: \"a\\u0080b\"\n  title: \"\\u009f\"\n",
	"escaped-noncharacter":     "  text: \"a\\ufffeb\"\n",
	"escaped-mark":             "  text: \"a\\ufeffb\"\n",
	"escaped-beyond":           "  text: \"a\\U0001fffeb\"\n",
	"delete-in-a-name":         "  text: a\n  metadata: {b: [{\"c\\x7f\": d}]}\n",
	"delete-in-a-list":         "  text: a\n  tags: [b, \"c\\x7f\"]\n",
	"aliases-of-aliases":       "  text: x\n  metadata:\n    a: &a [x, x]\n    b: &b [*a, *a]\n    c: [*b, *b]\n",
	"unknown-alias":            "  text: *nowhere\n",
	"comment-beside-a-quote":   "  text: \"Hello\"# note\n",
	"too-large-for-annotation": "  text: \"" + strings.Repeat("<", 50_000) + "\"\n",
	"colon-in-a-value":         "  text: Note: be brief\n",
	"withdrawn-in-a-channel":   "  text: x\n  withdrawnVersions: [2]\n  channels: [{name: beta, version: 2}]\n",
}

// connectionHead begins every connection of the corpus, and says all that one needs.
const connectionHead = "apiVersion: lectern.dev/v1alpha1\nkind: SDPConnection\nmetadata: {name: NAME}\nspec:\n  edition: Cloud\n  dataCenter: EU\n  credentials: {secretName: a}\n"

// corpusConnections are what people write into the spec of a connection, and behind it.
var corpusConnections = map[string]string{
	"least":                    "",
	"empty-objects":            "  access: {}\n  rateLimit: {}\n  lookups: {}\n  audit: {}\n  defaults: {}\n",
	"empty-lists":              "  callers: []\n  access: {projects: [], groups: [], sites: [], fields: {request: [], task: []}}\n",
	"nothing-for-an-object":    "  access:\n",
	"nothing-for-a-list":       "  access: {groups: , toolsets: [requests]}\n",
	"nothing-for-fields":       "  access: {fields: {request: , task: [status]}}\n",
	"nothing-for-a-number":     "  access: {writesPerHour: }\n",
	"nothing-for-a-name":       "  tokenSecretName:\n",
	"nothing-in-a-list":        "  access: {groups: [Network, ]}\n",
	"null-in-a-list":           "  access: {groups: [Network, null]}\n",
	"null-caller":              "  callers: [null]\n",
	"caller-without-an-email":  "  callers: [{subject: tom}]\n",
	"caller-of-two-groups":     "  callers: [{subject: tom, email: tom@example.org, groups: [Network, Network]}]\n",
	"caller-is-a-number":       "  callers: [{subject: 4711, email: tom@example.org}]\n",
	"unknown-field":            "  dataCentre: EU\n",
	"unknown-in-access":        "  access: {group: [Network]}\n",
	"unknown-in-a-caller":      "  callers: [{subject: tom, email: tom@example.org, mail: tom@example.org}]\n",
	"unknown-kind-of-record":   "  access: {fields: {ticket: [priority]}}\n",
	"unknown-default":          "  defaults: {requester: Tom}\n",
	"number-with-a-point":      "  audit: {retentionDays: 30.0}\n",
	"fraction":                 "  audit: {retentionDays: 30.5}\n",
	"number-too-large":         "  audit: {retentionDays: 9999999999}\n",
	"number-far-too-large":     "  rateLimit: {requestsPerMinute: 99999999999999999999}\n",
	"quoted-number":            "  rateLimit: {requestsPerMinute: \"30\"}\n",
	"octal":                    "  rateLimit: {requestsPerMinute: 010, burst: 8}\n",
	"sexagesimal":              "  lookups: {refreshInterval: 1:30}\n",
	"minutes-without-a-unit":   "  lookups: {refreshInterval: 90}\n",
	"interval-far-too-long":    "  lookups: {refreshInterval: 99999999999999h}\n",
	"interval-of-parts":        "  lookups: {refreshInterval: 1h30m}\n",
	"no-for-a-mode":            "  access: {requesterVisible: no}\n",
	"yes":                      "  suspend: yes\n",
	"quoted-boolean":           "  suspend: \"true\"\n",
	"number-for-a-portal":      "  portal: 2026\n",
	"number-for-a-project":     "  access: {projects: [1234567890123456789]}\n",
	"projects-in-words":        "  access: {projects: all}\n",
	"star-without-quotes":      "  access: {projects: [*]}\n",
	"defaults-are-a-text":      "  defaults: Default Request\n",
	"ca-bundle-without-a-name": "  caBundle: {key: ca.crt}\n",
	"line-break-in-an-address": "  apiURL: \"https://a\\n\"\n",
	"nul-in-a-group":           "  access: {groups: [\"a\\0b\"]}\n",
	"delete-in-a-group":        "  access: {groups: [\"a\\x7fb\"]}\n",
	"anchor":                   "  access: {groups: &g [Network], sites: *g}\n",
	"status":                   "status: {observedGeneration: 3, mode: ReadOnly}\n",
	"status-of-another-type":   "status: {observedGeneration: three}\n",
	"status-unknown-field":     "status: {modes: ReadOnly}\n",
	"unknown-beside-spec":      "spce: {}\n",
	"items":                    "items: []\n",
	"its-secret":               "---\napiVersion: v1\nkind: Secret\nmetadata: {name: NAME}\ntype: lectern.dev/sdp-credentials\nstringData: {api_key: a}\n",
	"a-prompt-beside":          "---\napiVersion: lectern.dev/v1alpha1\nkind: Prompt\nmetadata: {name: NAME-b}\nspec: {text: x}\n",
	"a-bad-prompt-beside":      "---\napiVersion: lectern.dev/v1alpha1\nkind: Prompt\nmetadata: {name: NAME-b}\nspec: {}\n",
}

// corpusObjects are what people write beside the spec.
var corpusObjects = map[string]string{
	"status":                  "metadata: {name: NAME}\nspec: {text: x}\nstatus: {version: 3}\n",
	"status-of-another-type":  "metadata: {name: NAME}\nspec: {text: x}\nstatus: {version: three}\n",
	"status-is-a-text":        "metadata: {name: NAME}\nspec: {text: x}\nstatus: fine\n",
	"status-of-nothing":       "metadata: {name: NAME}\nspec: {text: x}\nstatus:\n",
	"status-version-null":     "metadata: {name: NAME}\nspec: {text: x}\nstatus: {version: }\n",
	"status-unknown-field":    "metadata: {name: NAME}\nspec: {text: x}\nstatus: {versoin: 3}\n",
	"status-bad-condition":    "metadata: {name: NAME}\nspec: {text: x}\nstatus: {conditions: [{type: Ready}]}\n",
	"status-whole":            "metadata: {name: NAME}\nspec: {text: x}\nstatus: {version: 3, digest: abc, channels: [{name: a, version: 1}]}\n",
	"unknown-beside-spec":     "metadata: {name: NAME}\nspec: {text: x}\nspce: {}\n",
	"nothing-beside-spec":     "metadata: {name: NAME}\nspec: {text: x}\nspce:\n",
	"unknown-in-metadata":     "metadata: {name: NAME, annotation: b}\nspec: {text: x}\n",
	"no-spec":                 "metadata: {name: NAME}\n",
	"spec-of-nothing":         "metadata: {name: NAME}\nspec:\n",
	"no-name":                 "metadata: {}\nspec: {text: x}\n",
	"generate-name":           "metadata: {generateName: NAME-}\nspec: {text: x}\n",
	"number-as-name":          "metadata: {name: 5}\nspec: {text: x}\n",
	"metadata-of-nothing":     "metadata:\nspec: {text: x}\n",
	"metadata-is-a-list":      "metadata: [a]\nspec: {text: x}\n",
	"number-as-label":         "metadata: {name: NAME, labels: {b: 5}}\nspec: {text: x}\n",
	"null-as-label":           "metadata: {name: NAME, labels: {b: }}\nspec: {text: x}\n",
	"labels-of-nothing":       "metadata: {name: NAME, labels: , annotations: }\nspec: {text: x}\n",
	"label-with-a-blank":      "metadata: {name: NAME, labels: {b: c d}}\nspec: {text: x}\n",
	"label-with-a-bad-name":   "metadata: {name: NAME, labels: {b c: d}}\nspec: {text: x}\n",
	"annotation":              "metadata: {name: NAME, annotations: {b/c: \"d e\"}}\nspec: {text: x}\n",
	"annotation-bad-name":     "metadata: {name: NAME, annotations: {b c: d}}\nspec: {text: x}\n",
	"number-as-annotation":    "metadata: {name: NAME, annotations: {b: 5}}\nspec: {text: x}\n",
	"upper-case-name":         "metadata: {name: NAMEX}\nspec: {text: x}\n",
	"finalizer-bad-name":      "metadata: {name: NAME, finalizers: [\"b c\"]}\nspec: {text: x}\n",
	"creation-time-null":      "metadata: {name: NAME, creationTimestamp: null}\nspec: {text: x}\n",
	"creation-time-of-a-sort": "metadata: {name: NAME, creationTimestamp: soon}\nspec: {text: x}\n",
	"managed-fields":          "metadata: {name: NAME, managedFields: [{manager: a, operation: Apply}]}\nspec: {text: x}\n",
	"managed-fields-of-none":  "metadata: {name: NAME, managedFields: []}\nspec: {text: x}\n",
	"unknown-of-nothing":      "metadata: {name: NAME, annotation: }\nspec: {text: x}\n",
	"uid":                     "metadata: {name: NAME, uid: 2c3c1a7e-0000-4000-8000-000000000000}\nspec: {text: x}\n",
	"resource-version":        "metadata: {name: NAME, resourceVersion: \"5\"}\nspec: {text: x}\n",
	"generation":              "metadata: {name: NAME, generation: 5, selfLink: /a}\nspec: {text: x}\n",
	"owner-of-nothing":        "metadata: {name: NAME, ownerReferences: [{kind: A}]}\nspec: {text: x}\n",
	"upper-case-key":          "metadata: {name: NAME}\nSpec: {text: x}\n",
	"another-version":         "",
	"no-api-version":          "",
	"no-kind":                 "",
	"lower-case-kind":         "",
	"items-of-a-prompt":       "metadata: {name: NAME}\nspec: {text: x}\nitems: []\n",
	"items-of-nothing":        "metadata: {name: NAME}\nspec: {text: x}\nitems:\n",
	"last-applied":            "metadata: {name: NAME, annotations: {kubectl.kubernetes.io/last-applied-configuration: \"{}\"}}\nspec: {text: x}\n",
	"another-namespace":       "metadata: {name: NAME, namespace: kube-public}\nspec: {text: x}\n",
	"number-as-namespace":     "metadata: {name: NAME, namespace: 5}\nspec: {text: x}\n",
}

// corpusStarts are those of corpusObjects that begin otherwise.
var corpusStarts = map[string]string{
	"another-version": "apiVersion: lectern.dev/v1\nkind: Prompt\nmetadata: {name: NAME}\nspec: {text: x}\n",
	"no-api-version":  "kind: Prompt\nmetadata: {name: NAME}\nspec: {text: x}\n",
	"no-kind":         "apiVersion: lectern.dev/v1alpha1\nmetadata: {name: NAME}\nspec: {text: x}\n",
	"lower-case-kind": "apiVersion: lectern.dev/v1alpha1\nkind: prompt\nmetadata: {name: NAME}\nspec: {text: x}\n",
}

// manifestCorpus makes the files, in order of names, with names of prompts that begin with a prefix.
func manifestCorpus(t *testing.T, prefix string) []manifestFile {
	t.Helper()
	texts := map[string]manifestFile{}
	add := func(name, text string, encode func(string) string) {
		mine := prefix + strings.ReplaceAll(name, ".", "-")
		f := manifestFile{name: name + ".yaml", content: encode(strings.ReplaceAll(text, "NAME", mine)), empty: strings.HasPrefix(name, "shape.comments-only")}
		for _, object := range objectNames.FindAllString(text, -1) {
			f.objects = append(f.objects, strings.Replace(object, "NAME", mine, 1))
		}
		texts[name] = f
	}
	for shape, text := range corpusShapes {
		for encoding, encode := range corpusEncodings {
			add("shape."+shape+"."+encoding, text, encode)
		}
	}
	asIs := corpusEncodings["utf8"]
	for name, spec := range corpusSpecs {
		add("spec."+name, corpusHead+spec, asIs)
	}
	for name, rest := range corpusObjects {
		text := "apiVersion: lectern.dev/v1alpha1\nkind: Prompt\n" + rest
		if rest == "" {
			text = corpusStarts[name]
		}
		add("object."+name, text, asIs)
	}
	for name, spec := range corpusConnections {
		add("connection."+name, connectionHead+spec, asIs)
	}
	addSamples := func(prefix, folder string) {
		for _, path := range slices.Concat(files(t, folder+"/*.yaml", 4), files(t, folder+"/invalid/*.yaml", 15)) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			name := strings.TrimSuffix(filepath.Base(path), ".yaml")
			if !strings.HasPrefix(name, "name-") { // these are about the name
				text = sampleName.ReplaceAll(text, []byte("\n  name: NAME"))
			}
			add(prefix+name, string(text), asIs)
		}
	}
	addSamples("sample.", "../../config/samples")
	addSamples("sample.connection.", "../../config/samples/connections")
	if len(texts) < 200 {
		t.Fatalf("the corpus has %d files, want at least 200", len(texts))
	}
	var all []manifestFile
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		all = append(all, texts[name])
	}
	return all
}
