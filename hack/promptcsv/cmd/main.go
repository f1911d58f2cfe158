// Command promptcsv writes the rows of a prompt collection as Prompt manifests:
//
//	go run ./hack/promptcsv/cmd -o DIR prompts.csv && kubectl apply --server-side -f DIR
//
// Without -o it writes one stream of YAML documents to standard output; without a file it reads
// standard input.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/lectern-dev/lectern/hack/promptcsv"
)

func main() {
	folder := flag.String("o", "", "folder to write one `DIR`/name.yaml a prompt to, instead of standard output")
	flag.Parse()
	if err := run(*folder, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "promptcsv:", err)
		os.Exit(1)
	}
}

func run(folder string, files []string) error {
	var input io.Reader = os.Stdin
	switch len(files) {
	case 0:
	case 1:
		file, err := os.Open(files[0])
		if err != nil {
			return err
		}
		defer file.Close() //nolint:errcheck // only read
		input = file
	default:
		return fmt.Errorf("%d files given; give one, or none to read standard input", len(files))
	}
	prompts, err := promptcsv.Convert(input)
	if err != nil {
		return err
	}
	if folder == "" {
		return promptcsv.Write(os.Stdout, prompts)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	return promptcsv.WriteFiles(folder, prompts)
}
