package bridge

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// readEvents reads server-sent events until the stream ends, and hands over the data of each. Comments, and events without
// data, are for nobody.
func readEvents(body io.Reader, limit int, handle func(data []byte) error) error {
	reader := bufio.NewReaderSize(body, 64<<10)
	var data []byte
	for {
		line, err := readLine(reader, limit)
		switch {
		case errors.Is(err, errLongLine) || len(data)+len(line) > limit:
			return &failure{Code: http.StatusBadGateway, Message: fmt.Sprintf("an event of the server is longer than %d bytes", limit)}
		case errors.Is(err, io.EOF):
			return nil // an event that is not ended is none
		case err != nil:
			return &failure{Code: http.StatusBadGateway, Message: "the stream of the server broke off"}
		case len(line) == 0:
			if len(data) > 0 {
				if err := handle(data); err != nil {
					return err
				}
			}
			data = nil
			continue
		}
		if content, is := bytes.CutPrefix(line, []byte("data:")); is {
			if len(data) > 0 {
				data = append(data, '\n')
			}
			data = append(data, bytes.TrimPrefix(content, []byte(" "))...)
		}
	}
}
