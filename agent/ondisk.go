// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/agent/inspect"
	"github.com/certagent/certagent/agent/secrets"
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
	all, err := newMembers(cfg, 0)
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
