// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/agent/render"
	"github.com/certagent/certagent/exec"
	"github.com/certagent/certagent/safefile"
	"github.com/certagent/certagent/vaultreq"
)

// Check checks what a configuration says, with its templates, and returns a summary
// of what the agent would do with it, a few lines for each bundle, and the problems.
// The verdict is the same on every host: of files it reads only the templates, and
// one that cannot be read is a warning. It does not talk to Vault and writes nothing.
// CheckHost checks what is on the host.
func Check(cfg *config.Config) (summary string, problems config.Problems) {
	return NewMembers(cfg, 0).Check(cfg.ExitAfterAuth)
}

// Check is the function Check for members that were made already. Their templates
// are loaded afterwards. oneShot is set if the agent exits once everything is done.
func (all *Members) Check(oneShot bool) (summary string, problems config.Problems) {
	var b strings.Builder
	requests := make([][]vaultreq.Request, len(all.templates))
	for i, m := range all.templates {
		problems = append(problems, m.check("")...)
		if m.template != nil {
			requests[i] = m.bindingRequests()
		}
	}
	for _, indexes := range group(requests) {
		var templates []*templateMember
		var reactions []*reaction
		issues := false
		for _, i := range indexes {
			templates = append(templates, all.templates[i])
			reactions = append(reactions, all.reactions[i])
			issues = issues || slices.ContainsFunc(requests[i], issuesCertificate)
		}
		if !oneShot && issues && !slices.ContainsFunc(reactions, isGiven) {
			problems = append(problems, noChange(templates[0].pos, templates[0].title("")))
		}
		summariseTemplates(&b, templates, reactions)
	}
	for _, block := range all.blocks {
		for _, m := range block.templates {
			problems = append(problems, m.check(block.title())...)
		}
		if !oneShot && len(block.certificates) > 0 && !isGiven(block.reaction) {
			problems = append(problems, noChange(block.config.Pos, block.title()))
		}
		block.summarise(&b)
	}
	return b.String(), problems
}

// issuesCertificate reports whether a request of a template makes Vault issue a
// certificate.
func issuesCertificate(r vaultreq.Request) bool {
	return r.Kind == vaultreq.Certificate || r.Kind == vaultreq.Write && strings.Contains("/"+r.Path, "/issue/")
}

// isGiven reports whether the configuration says what happens when files change,
// even if that is nothing.
func isGiven(r *reaction) bool { return !r.IsMissing() }

// noChange is the warning about a certificate that is renewed without any program
// being told. It is not for a one-shot run, which renews nothing.
func noChange(pos config.Pos, block string) config.Problem {
	return config.Problem{
		Kind: config.Warning, Pos: pos, Block: block,
		Message: "no change is configured: nothing will pick up the renewed certificate",
		Hint:    `add change_mode or command; or write change_mode = "noop" if the program notices new files itself`,
	}
}

func (c block) title() string { return "bundle " + strconv.Quote(c.config.Name) }

// title names the template in a message.
func (m *templateMember) title(block string) string {
	kind := "template "
	if m.variable != "" {
		kind = "env_template "
	}
	return within(block, kind+strconv.Quote(m.name))
}

// within returns the title of a block in another one, or at the top level.
func within(block, title string) string {
	if block == "" {
		return title
	}
	return block + ": " + title
}

// check returns the mistakes in the template.
func (m *templateMember) check(block string) config.Problems {
	err := m.load()
	var missing *fs.PathError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &missing) && !errors.Is(err, safefile.ErrTooLarge):
		return config.Problems{{Kind: config.Warning, Pos: m.pos, Block: m.title(block), Name: "source", Message: err.Error(),
			Hint: "the template is not checked; the agent waits for the file"}}
	}
	found := config.Problems{}
	for _, p := range problemsOf(err) {
		p.Kind, p.Pos, p.Block = config.StartError, m.pos, m.title(block)
		if m.loose && block == "" {
			p.Kind, p.Hint = config.Warning, strings.TrimPrefix(p.Hint+"; only this template is not rendered, because error_fatal is false", "; ")
		}
		found = append(found, p)
	}
	return found
}

// problemsOf returns the mistakes in a template, each with its hint.
func problemsOf(err error) (found config.Problems) {
	var mistakes render.Errors
	if !errors.As(err, &mistakes) {
		return config.Problems{{Message: err.Error()}}
	}
	for _, m := range mistakes {
		found = append(found, config.Problem{Message: m.Error(), Hint: m.Hint})
	}
	return found
}

const (
	promiseFile      = "one file, by one rename"
	promiseVariables = "environment variables of the child"
	promiseFiles     = "file by file, crash-safe; a reader may see a mixed set for a moment"
	promiseDirectory = "by one symlink rename; opening the directory gives one complete set"
)

// summariseTemplates writes the summary of a bundle of templates at the top level:
// its members, how they are published, and the change.
func summariseTemplates(b *strings.Builder, templates []*templateMember, reactions []*reaction) {
	var names, changes []string
	files := 0
	for i, m := range templates {
		names = append(names, m.name)
		if m.variable == "" {
			files++
		}
		if what := reactions[i].String(); reactions[i].key != "" && !slices.Contains(changes, what) {
			changes = append(changes, what)
		}
	}
	how := promiseFile
	switch {
	case files == 0:
		how = promiseVariables
	case files > 1:
		how = promiseFiles
	}
	change := "none"
	if len(changes) > 0 {
		change = strings.Join(changes, ", ")
	}
	fmt.Fprintf(b, "bundle %s\n  publish: %s\n  change: %s\n", strings.Join(names, ", "), how, change)
}

// summarise writes the summary of a bundle block.
func (c block) summarise(b *strings.Builder) {
	how := promiseFiles
	switch {
	case c.config.Directory != "":
		how = promiseDirectory
	case len(c.files()) == 1:
		how = promiseFile
	}
	fmt.Fprintf(b, "bundle %s\n", c.config.Name)
	for _, m := range c.certificates {
		key := "made on this host and never sent"
		if m.spec.Key.Type == "vault" {
			key = "made by Vault and sent to this host"
		}
		fmt.Fprintf(b, "  certificate: %s, private key %s\n", m.spec.Path(), key)
	}
	fmt.Fprintf(b, "  publish: %s\n", how)
	if c.config.Check != nil {
		restored := "the previous generation"
		if c.config.Directory == "" {
			restored = "the previous files, except after a crash"
		}
		fmt.Fprintf(b, "  check: %s; a failure restores %s\n", exec.CommandLine(c.config.Check.Command), restored)
	}
	change := "none"
	if c.reaction.key != "" {
		change = c.reaction.String()
	}
	fmt.Fprintf(b, "  change: %s\n", change)
	if v := c.config.Verify; v != nil {
		fallback := ""
		if v.Fallback != nil {
			fallback = "; fallback: " + newReaction(v.Fallback).String()
		}
		fmt.Fprintf(b, "  verify: TLS handshakes with %s%s\n", strings.Join(v.Addresses, ", "), fallback)
	}
}
