// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"

	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/agent/render"
	"github.com/certagent/certagent/safefile"
	"github.com/certagent/certagent/sinks"
)

// templateMember is a member that renders a template to a file or, for an
// env_template, to a variable of the children's environment.
type templateMember struct {
	member
	source   string // the file that holds the template; "" if it is inline
	variable string // the variable's name; "" if the member is a file
	input    render.Input
	file     sinks.File // where the output goes, without content
	wait     config.Wait
	loose    bool             // shares a bundle only with templates whose certificate or key it uses
	config   *config.Template // nil for a variable

	template *render.Template // nil as long as the source cannot be read or parsed
	slow     *render.Template // one whose first requests take too long to find
}

// newFileMember returns a member that renders to path.
func newFileMember(index int, t *config.Template, path string) *templateMember {
	m := &templateMember{
		member: member{index: index, pos: t.Pos, name: t.Destination, owner: owner{t.User, t.Group}},
		source: t.Source,
		input:  render.Input{TemplateText: t.TemplateText, Name: "contents", SandboxPath: t.SandboxPath},
		file:   sinks.File{Path: config.Absolute(path), UID: -1, GID: -1, CreateDirs: t.CreateDestDirs, Backup: t.Backup},
		wait:   t.Wait,
		loose:  !t.ErrorFatal,
		config: t,
	}
	if t.PermsSet {
		m.file.Mode = t.Perms
	}
	return m
}

func newVariableMember(index int, t config.EnvTemplate) *templateMember {
	return &templateMember{
		member:   member{index: index, pos: t.Pos, name: t.Name},
		source:   t.Source,
		variable: t.Name,
		loose:    !t.ErrorFatal,
		input:    render.Input{TemplateText: t.TemplateText, Name: "contents"},
	}
}

// load reads the template, and parses it unless its text is the one that was loaded
// before. On an error that one stays in use.
func (m *templateMember) load() error {
	in := m.input
	if m.source != "" {
		contents, err := safefile.Read(m.source, safefile.MaxTemplate)
		if err != nil {
			return fmt.Errorf("reading template: %w", err)
		}
		in.Contents = string(contents)
	}
	if m.template != nil && in.Contents == m.input.Contents {
		return nil
	}
	template, err := render.Parse(in)
	if err != nil {
		return err
	}
	m.input.Contents, m.template = in.Contents, template
	return nil
}

// digest identifies the member's configuration, so that a later run can tell
// whether the files on disk were rendered from the same one.
func (m *templateMember) digest() string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q %q %q %v %v\n", m.file.Path, m.variable, m.input.Contents, m.input.LeftDelim, m.input.RightDelim, m.input.ErrorOnMissingKey, m.input.AllowNoValue)
	fmt.Fprintf(h, "%o %q %q\n", m.file.Mode, m.owner.user, m.owner.group)
	names, _ := m.template.Environment()
	for _, name := range names {
		fmt.Fprintf(h, "%q=%q\n", name, os.Getenv(name))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// reproducible reports whether the output depends only on the template, its
// secrets, files, and known environment variables.
func (m *templateMember) reproducible() bool {
	_, known := m.template.Environment()
	return known && m.template.Reproducible()
}
