// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/certagent/certagent/agent/certificate"
	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/agent/inspect"
	"github.com/certagent/certagent/certspec"
	"github.com/certagent/certagent/redact"
	"github.com/certagent/certagent/safefile"
	"github.com/certagent/certagent/sinks"
	"github.com/certagent/certagent/vaultreq"
)

// Disk knows the files that an agent with a certain configuration publishes, and
// reports what is missing. It needs no running agent, requests nothing and writes
// nothing.
type Disk struct{ sets []fileSet }

// fileSet is the files of one bundle.
type fileSet struct {
	name         string
	paths        []string
	certificates []*certificateMember
	templates    []*templateMember
	directory    string // of a bundle that is published by one rename
}

// OnDisk returns the Disk of a configuration. Files that a template writes by
// itself, with writeToFile, are not known.
func OnDisk(cfg *config.Config) (*Disk, error) {
	all := NewMembers(cfg, 0)
	d := new(Disk)
	requests := make([][]vaultreq.Request, len(all.templates))
	for i, m := range all.templates {
		if m.load() == nil { // the agent says what is wrong with the others
			requests[i] = m.bindingRequests()
		}
	}
	for _, indexes := range group(requests) {
		var templates []*templateMember
		for _, i := range indexes {
			templates = append(templates, all.templates[i])
		}
		d.sets = append(d.sets, fileSet{name: templates[0].name, paths: pathsOf(destinations(templates)), templates: templates})
	}
	for _, b := range all.blocks {
		d.sets = append(d.sets, fileSet{b.config.Name, pathsOf(b.files()), b.certificates, b.templates, b.config.Directory})
	}
	return d, nil
}

// Paths returns the files that Missing depends on.
func (d *Disk) Paths() []string {
	var paths []string
	for _, s := range d.sets {
		paths = append(paths, s.paths...)
		for _, m := range s.certificates {
			paths = append(paths, m.password.inputs()...)
		}
	}
	return paths
}

// Missing returns a line for each thing that is missing. It returns none if every
// file is there and is not empty, if certificates and keys can be read, match
// each other and their CAs, and are valid now, and if other text that a template makes is
// what certagent has published, as far as the records beside the files can be read.
// Of a keystore whose password comes from Vault only the first is asked.
//
// It is settled if files are missing, and not if those that are there do not go together:
// that is also what a look in the midst of a publication finds.
func (d *Disk) Missing(now time.Time) (missing []string, settled bool) {
	for _, s := range d.sets {
		wrong, ofFiles := s.missing(now)
		missing, settled = append(missing, wrong...), settled || ofFiles
	}
	if len(missing) == 0 {
		missing = d.placeholders()
	}
	return missing, settled
}

// placeholders returns a line for each file of a template that certagent has not
// published.
func (d *Disk) placeholders() (wrong []string) {
	var plain []fileSum
	for _, s := range d.sets {
		plain = append(plain, plainFiles(s.templates)...)
	}
	if len(plain) == 0 {
		return nil // there is no need to look for records
	}
	files, complete := sinks.Recorded(d.directories())
	if !complete {
		return nil
	}
	known := make(map[fileSum]bool, len(files))
	for _, f := range files { // a container may have mounted the directory under another path
		known[fileSum{filepath.Base(f.Path), f.SHA256}] = true
	}
	for _, f := range plain {
		if !known[fileSum{filepath.Base(f.path), f.sha256}] {
			wrong = append(wrong, f.path+": certagent has not published what it holds")
		}
	}
	return wrong
}

// directories returns the directories in which records of the files may be.
func (d *Disk) directories() (dirs []string) {
	for _, s := range d.sets {
		dirs = append(dirs, s.directory)
		for _, path := range s.paths {
			dirs = append(dirs, filepath.Dir(path))
		}
	}
	slices.Sort(dirs)
	return slices.DeleteFunc(slices.Compact(dirs), func(dir string) bool { return dir == "" })
}

// fileSum is a file, or its name, and the digest of its content in hexadecimal.
type fileSum struct{ path, sha256 string }

// plainFiles returns the templates' files that hold no certificates or keys, which
// inspect checks. Their text may be what somebody has put there to be replaced.
func plainFiles(templates []*templateMember) (plain []fileSum) {
	files, _ := readFiles(pathsOf(destinations(templates)))
	for _, f := range files {
		if !bytes.Contains(f.Content, []byte(pemBegin)) {
			sum := sha256.Sum256(f.Content)
			plain = append(plain, fileSum{f.Path, hex.EncodeToString(sum[:])})
		}
	}
	return plain
}

// pemBegin is how a certificate or a key in PEM begins.
const pemBegin = "-----BEGIN "

// missing returns what is missing of the set, and whether whole files are.
func (s fileSet) missing(now time.Time) (missing []string, ofFiles bool) {
	files, missing := readFiles(s.paths)
	if len(missing) > 0 {
		return missing, true
	}
	for _, m := range s.certificates {
		decoded, wrong := m.decode(files)
		missing = append(missing, wrong...)
		missing = append(missing, differences(decoded)...)
		files = append(files, keystoresAsPEM(decoded)...)
	}
	if len(missing) > 0 {
		return missing, false
	}
	if _, err := inspect.Inspect(files, now); err != nil {
		missing = append(missing, fmt.Sprintf("%s: %s", s.name, strings.ReplaceAll(err.Error(), "\n", "; ")))
	}
	return missing, false
}

// readFiles reads files, and returns a line for each that is missing or empty.
func readFiles(paths []string) (files []inspect.File, missing []string) {
	for _, path := range paths {
		content, err := safefile.Read(path, safefile.MaxPublished)
		var failed *fs.PathError
		switch {
		case errors.As(err, &failed):
			missing = append(missing, path+": "+failed.Err.Error())
		case err != nil:
			missing = append(missing, path+": "+err.Error())
		case strings.TrimSpace(string(content)) == "":
			missing = append(missing, path+": it is empty")
		}
		files = append(files, inspect.File{Path: path, Content: content})
	}
	return files, missing
}

// decode decodes the certificate's files, and returns what is wrong with them.
// Keystores whose password comes from Vault are left out.
func (m *certificateMember) decode(files []inspect.File) (decoded []diskFile, wrong []string) {
	var password redact.Secret
	known := false
	if m.password.path == "" { // a file that cannot be read is as good as no password
		password, known, _ = m.password.read(newSource(context.Background(), nil))
	}
	content := func(path string) ([]byte, bool) {
		at := slices.IndexFunc(files, func(f inspect.File) bool { return f.Path == path })
		if at < 0 {
			return nil, false
		}
		return files[at].Content, true
	}
	for _, f := range m.readDisk(content, password, known) {
		if f.Err != nil {
			wrong = append(wrong, fmt.Sprintf("%s: %v", f.file.Path, f.Err))
			continue
		}
		decoded = append(decoded, f)
	}
	return decoded, wrong
}

// differences returns a line for each file that holds another certificate than the
// first, or a key that does not match it.
func differences(files []diskFile) (wrong []string) {
	var leaf *x509.Certificate
	var first string
	for _, f := range files {
		if leaf == nil && f.Pair.Leaf != nil {
			leaf, first = f.Pair.Leaf, f.file.Path
		}
	}
	if leaf == nil {
		return nil
	}
	for _, f := range files {
		if f.Pair.Leaf != nil && !f.Pair.Leaf.Equal(leaf) {
			wrong = append(wrong, fmt.Sprintf("%s: it holds another certificate than %s", f.file.Path, first))
		}
		key, ok := f.Pair.Key.Public().(interface{ Equal(crypto.PublicKey) bool })
		if ok && !key.Equal(leaf.PublicKey) {
			wrong = append(wrong, fmt.Sprintf("%s: the private key does not match the certificate in %s", f.file.Path, first))
		}
	}
	return wrong
}

// keystoresAsPEM returns the contents of keystores in a form that inspect reads.
func keystoresAsPEM(files []diskFile) (plain []inspect.File) {
	for _, f := range files {
		if !f.Kind.HasPassword() || !f.Kind.HoldsKey() {
			continue
		}
		content, err := certificate.Output{Output: certspec.Output{Kind: certspec.Combined}}.Encode(f.Pair, nil)
		if err == nil { // a keystore with half a pair is what differences reports
			plain = append(plain, inspect.File{Path: f.file.Path, Content: content})
		}
	}
	return plain
}
