package transport

import (
	"context"
	"io"
	"net/http"
	"slices"

	"github.com/mark3labs/mcp-go/mcp"
)

const (
	// smallAnswer is up to which size an answer needs no room of its own, as nearly all do.
	smallAnswer = 64 << 10
	// encodedShare is how many bytes of an answer a byte of its texts comes to at most, but for a text made of escapes: tools
	// say everything twice, and quotes and line ends take two bytes.
	encodedShare = 4
	// writtenAtOnce is after how many bytes the progress of a large answer is noted.
	writtenAtOnce = 64 << 10
)

// claimAnswer waits for room for a large answer, before it is encoded. A client that takes none of it up is dropped while
// others wait. The claim is nil where none is needed.
func (h *Handler) claimAnswer(ctx context.Context, control *http.ResponseController, result any) (*bodyClaim, *Failure) {
	size := encodedShare * textSize(result)
	if size <= smallAnswer {
		return nil, nil
	}
	size = min(size, h.config.AnswerBudget) // a larger one waits until there is nothing else
	claim := h.answers.claim(ctx, size, func() { _ = control.SetWriteDeadline(longPast) })
	if claim == nil {
		return nil, busyFailure()
	}
	return claim, nil
}

// textSize is how many bytes the texts of a result have.
func textSize(result any) (size int64) {
	switch r := result.(type) {
	case *toolResult:
		texts, _ := onlyTexts(r.Content)
		for _, text := range texts {
			size += int64(len(text))
		}
	case *mcp.GetPromptResult:
		for _, message := range r.Messages {
			if text, is := message.Content.(mcp.TextContent); is {
				size += int64(len(text.Text))
			}
		}
	case *mcp.ReadResourceResult:
		for _, content := range r.Contents {
			if text, is := content.(mcp.TextResourceContents); is {
				size += int64(len(text.Text))
			}
		}
	}
	return size
}

// write writes an answer, and notes how far that got. A nil claim notes nothing.
func (c *bodyClaim) write(w io.Writer, content []byte) error {
	if c == nil {
		_, err := w.Write(content)
		return err
	}
	var written int64
	for part := range slices.Chunk(content, writtenAtOnce) {
		if _, err := w.Write(part); err != nil {
			return err
		}
		written += int64(len(part))
		c.noteProgress(written)
	}
	return nil
}
