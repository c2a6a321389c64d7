// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/certagent/certagent/agent/certificate"
	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/agent/inspect"
	"github.com/certagent/certagent/agent/secrets"
	"github.com/certagent/certagent/redact"
)

// Disk is what a configuration has the agent publish, for somebody who waits for
// that. It belongs to no agent, asks nothing of Vault and writes nothing.
type Disk struct{ sets []fileSet }

// fileSet is the files of one bundle.
type fileSet struct {
	name         string
	paths        []string
	certificates []*certificateMember
}

// OnDisk finds out which files belong together. What a template's text does not
// tell, such as a file that it writes itself, it does not know.
func OnDisk(cfg *config.Config) (*Disk, error) {
	all, err := NewMembers(cfg, 0)
	if err != nil {
		return nil, err
	}
	d := new(Disk)
	requests := make([][]secrets.Request, len(all.templates))
	for i, m := range all.templates {
		if m.load() == nil { // the agent says what is wrong with the others
			requests[i] = m.firstRequests()
		}
	}
	for _, indexes := range group(requests) {
		var templates []*templateMember
		for _, i := range indexes {
			templates = append(templates, all.templates[i])
		}
		d.sets = append(d.sets, fileSet{name: templates[0].name, paths: pathsOf(destinations(templates))})
	}
	for _, b := range all.blocks {
		d.sets = append(d.sets, fileSet{b.config.Name, pathsOf(b.files()), b.certificates})
	}
	return d, nil
}

// Paths are the files that Missing depends on.
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

// Missing says what is missing, a line each; nothing, if every file is there and
// holds something, certificates and keys can be read and fit each other and their
// CAs, and are valid now. A keystore whose password is not at hand need only hold
// something.
func (d *Disk) Missing(now time.Time) []string {
	var missing []string
	for _, s := range d.sets {
		missing = append(missing, s.missing(now)...)
	}
	return missing
}

func (s fileSet) missing(now time.Time) (missing []string) {
	files, missing := readFiles(s.paths)
	if len(missing) > 0 {
		return missing
	}
	for _, m := range s.certificates {
		opened, wrong := m.open(files)
		missing = append(missing, wrong...)
		missing = append(missing, differing(opened)...)
		files = append(files, keystores(opened)...)
	}
	if len(missing) > 0 {
		return missing
	}
	if _, err := inspect.Inspect(files, now); err != nil {
		missing = append(missing, fmt.Sprintf("%s: %s", s.name, strings.ReplaceAll(err.Error(), "\n", "; ")))
	}
	return missing
}

// readFiles reads files, and says which are not there or empty.
func readFiles(paths []string) (files []inspect.File, missing []string) {
	for _, path := range paths {
		content, err := os.ReadFile(path)
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

// openedFile is one of a certificate's files, with what it holds.
type openedFile struct {
	output
	pair certificate.Pair
}

// open reads the certificate's files as what they are to be, and says which are
// not. Keystores whose password is not at hand stay closed.
func (m *certificateMember) open(files []inspect.File) (opened []openedFile, wrong []string) {
	var password redact.Secret
	known := false
	if m.password.path == "" { // what cannot be read is not at hand, either
		password, known, _ = m.password.read(newSource(context.Background(), nil))
	}
	for _, o := range m.outputs {
		at := slices.IndexFunc(files, func(f inspect.File) bool { return f.Path == o.file.Path })
		if at < 0 || o.HasPassword() && !known {
			continue
		}
		o.Password = password
		pair, _, err := o.Decode(files[at].Content)
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("%s: %v", o.file.Path, err))
			continue
		}
		opened = append(opened, openedFile{o, pair})
	}
	return opened, wrong
}

// differing says which of a certificate's files hold another certificate than the
// first, or a key that does not fit that.
func differing(opened []openedFile) (wrong []string) {
	var leaf *x509.Certificate
	var first string
	for _, o := range opened {
		if leaf == nil && o.pair.Leaf != nil {
			leaf, first = o.pair.Leaf, o.file.Path
		}
	}
	if leaf == nil {
		return nil
	}
	for _, o := range opened {
		if o.pair.Leaf != nil && !o.pair.Leaf.Equal(leaf) {
			wrong = append(wrong, fmt.Sprintf("%s: it holds another certificate than %s", o.file.Path, first))
		}
		key, ok := o.pair.Key.Public().(interface{ Equal(crypto.PublicKey) bool })
		if ok && !key.Equal(leaf.PublicKey) {
			wrong = append(wrong, fmt.Sprintf("%s: the private key does not fit the certificate in %s", o.file.Path, first))
		}
	}
	return wrong
}

// keystores makes files of what is in keystores, as inspect can read it.
func keystores(opened []openedFile) (files []inspect.File) {
	for _, o := range opened {
		if !o.HasPassword() || !o.HoldsKey() {
			continue
		}
		content, err := certificate.Output{Kind: certificate.Combined}.Encode(o.pair, nil)
		if err == nil { // or there is a part of a pair only, which is for differing to judge
			files = append(files, inspect.File{Path: o.file.Path, Content: content})
		}
	}
	return files
}
