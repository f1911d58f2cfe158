// Package richtext reads what people wrote in ServiceDesk Plus, HTML mostly, as Markdown for models, and writes the Markdown of models
// as HTML of a few elements.
//
// It knows no ServiceDesk Plus and no MCP. What a person who opens the ticket does not see is not in the result: scripts, styles,
// hidden elements, invisible and reordering characters, what images and attributes say. Its invariant: the Markdown has no image,
// no HTML and no link whose target is not shown, whatever the HTML was; what a person sees is still a stranger's text, which
// FrameUntrusted says.
package richtext
