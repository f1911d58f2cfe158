package cli

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/lectern-dev/lectern/internal/seal"
)

// KeysCommand returns the command `lectern keys`.
func KeysCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "keys", Short: "Make the keys that change requests are sealed with", Args: cobra.NoArgs}
	cmd.AddCommand(newKeysCommand())
	return cmd
}

// keyFiles are where a key pair goes, files or a Secret, and the private file that it follows.
type keyFiles struct{ private, public, secret, previous string }

func newKeysCommand() *cobra.Command {
	var files keyFiles
	cmd := &cobra.Command{
		Use:   "new",
		Short: "Make a key pair: a private file for controllers, a public one for servers, or a Secret with both",
		Long: "Make the key pair by which servers hand the tokens of callers who ask for changes to the controller, and to nobody\n" +
			"else. The private file is for lectern controller --intake-key-file, the public one for lectern server\n" +
			"--intake-public-key-file. No file is overwritten, and no key is printed.\n\n" +
			"With --secret it prints the manifest of a Secret with both instead, as lectern controller --intake-key-secret reads it.\n" +
			"Pipe it into kubectl: the private key is in it.\n\n" +
			"With --rotate the new private file has the key of an earlier one, too, so that what was sealed to it still opens.\n" +
			"Give the new private file to the controllers first, then the new public file to the servers. The earlier key\n" +
			"is dropped by the next rotation.",
		Example: "  lectern keys new --intake-key-file intake.json --intake-public-key-file intake-public.json\n" +
			"  lectern keys new --rotate intake.json --intake-key-file intake-2.json --intake-public-key-file intake-public-2.json\n" +
			"  lectern keys new --rotate intake.json --secret lectern-intake | kubectl apply --server-side --force-conflicts -f -",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return makeKeys(cmd.OutOrStdout(), files) },
	}
	cmd.Flags().StringVar(&files.private, "intake-key-file", "", "file to make, with the private keys; only its owner may read it")
	cmd.Flags().StringVar(&files.public, "intake-public-key-file", "", "file to make, with the public key")
	cmd.Flags().StringVar(&files.secret, "secret", "", "name of a Secret whose manifest is printed, instead of files that are made")
	cmd.Flags().StringVar(&files.previous, "rotate", "", "private file of now, whose key stays valid beside the new one")
	return cmd
}

// secretName is what a Secret may be called.
var secretName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)

func (f *keyFiles) validate() error {
	switch {
	case f.secret != "" && (f.private != "" || f.public != ""):
		return errors.New("set only one of --secret, and --intake-key-file with --intake-public-key-file")
	case f.secret != "" && !secretName.MatchString(f.secret):
		return fmt.Errorf("--secret: %q is no name of a Secret: lower-case letters, digits, dashes and dots", f.secret)
	case f.secret != "":
		return nil
	case f.private == "" || f.public == "":
		return errors.New("name both files to make, --intake-key-file and --intake-public-key-file, or a Secret with --secret")
	case f.private == f.public:
		return errors.New("--intake-key-file and --intake-public-key-file are the same file")
	}
	return nil
}

// printSecret prints the manifest of a Secret with both keys.
func printSecret(out io.Writer, name string, pair seal.KeyPair) error {
	encode := base64.StdEncoding.EncodeToString
	_, err := fmt.Fprintf(out, "# Key %d.\napiVersion: v1\nkind: Secret\nmetadata:\n  name: %s\ntype: Opaque\ndata:\n  private.json: %s\n  public.json: %s\n",
		pair.KeyID, name, encode(pair.Private), encode(pair.Public))
	return err
}

// makeKeys writes both files, or none.
func makeKeys(out io.Writer, files keyFiles) (err error) {
	if err := files.validate(); err != nil {
		return err
	}
	var previous []byte
	if files.previous != "" {
		if previous, err = os.ReadFile(files.previous); err != nil {
			return fmt.Errorf("--rotate: %w", err)
		}
	}
	pair, err := seal.NewKeyPair(previous)
	if err != nil && files.previous != "" {
		return fmt.Errorf("--rotate: %s: %w", files.previous, err)
	}
	if err != nil {
		return err
	}
	if files.secret != "" {
		return printSecret(out, files.secret, pair)
	}
	if err := writeNewFile("--intake-key-file", files.private, pair.Private, 0o600); err != nil {
		return err
	}
	if err := writeNewFile("--intake-public-key-file", files.public, pair.Public, 0o644); err != nil {
		return errors.Join(err, os.Remove(files.private))
	}
	_, err = fmt.Fprintf(out, "Made key %d.\n%s is private: for lectern controller --intake-key-file. Keep it secret.\n"+
		"%s is public: for lectern server --intake-public-key-file.\n", pair.KeyID, files.private, files.public)
	if files.previous != "" && err == nil {
		_, err = fmt.Fprintf(out, "The key of %s stays valid beside it. Give the private file to the controllers first, then the public one to the servers.\n", files.previous)
	}
	return err
}

// writeNewFile writes a file that is not there yet, to the disk.
func writeNewFile(flag, path string, text []byte, mode os.FileMode) (err error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode) //nolint:gosec // the operator names the file
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s: %s is there already, and a key that is overwritten is lost; name another file", flag, path)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", flag, err)
	}
	defer func() {
		if err = errors.Join(err, file.Close()); err != nil {
			err = errors.Join(fmt.Errorf("%s: %w", flag, err), os.Remove(path))
		}
	}()
	if err := file.Chmod(mode); err != nil { // whatever the umask is
		return err
	}
	if _, err := file.Write(text); err != nil {
		return err
	}
	return file.Sync()
}
