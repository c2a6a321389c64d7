// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
)

// agent is a program that is measured.
type agent struct {
	name   string
	binary string
	args   []string           // before -config
	own    *template.Template // the first file of the configuration
}

var (
	//go:embed agent.hcl
	agentText string
	//go:embed consul-template.hcl
	consulTemplateText string
	//go:embed templates.hcl
	templatesText string
)

// parseConfig puts the templates, which all agents read alike, behind what is
// each one's own.
func parseConfig(own string) *template.Template {
	return template.Must(template.New("config").Delims("<<", ">>").Parse(own + templatesText))
}

// templatesOnly is a further file of the configuration.
var templatesOnly = parseConfig("")

// agents are those that the flags name. certagent and Vault Agent read the same
// file.
func (o options) agents() ([]agent, error) {
	all := []agent{
		{name: "certagent", binary: o.certagent, args: []string{"agent"}, own: parseConfig(agentText)},
		{name: "consul-template", binary: o.consulTemplate, own: parseConfig(consulTemplateText)},
		{name: "Vault Agent", binary: o.vault, args: []string{"agent"}, own: parseConfig(agentText)},
	}
	var named []agent
	for _, a := range all {
		if a.binary == "" {
			continue
		}
		path, err := filepath.Abs(a.binary)
		if err != nil {
			return nil, err
		}
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("%s: %w (make bench builds it)", a.name, err)
		}
		a.binary = path
		named = append(named, a)
	}
	return named, nil
}

// job is what an agent is to do: so many certificates in a directory.
type job struct {
	facts
	Dir          string // of the configuration
	TTL          string
	Command      string // "" or a program that each template runs
	Certificates []certificate
}

// certificate is one certificate's name and files.
type certificate struct {
	CommonName    string
	CA, Cert, Key string // paths
}

// newJob makes a job below dir. Each certificate has a directory of its own, or
// all files lie flat in one.
func newJob(f facts, dir string, n int, ttl string, flat bool) (job, error) {
	j := job{facts: f, Dir: dir, TTL: ttl}
	for i := range n {
		name := fmt.Sprintf("host-%05d.bench.test", i)
		stem := filepath.Join(dir, "tls", name)
		if !flat {
			stem = filepath.Join(stem, "tls")
		}
		if err := os.MkdirAll(filepath.Dir(stem), 0o755); err != nil {
			return j, err
		}
		j.Certificates = append(j.Certificates, certificate{CommonName: name, CA: stem + ".ca", Cert: stem + ".crt", Key: stem + ".key"})
	}
	_, _, err := f.credentials().Write(dir)
	return j, err
}

// files lists the paths of all files.
func (j job) files() []string {
	var paths []string
	for _, c := range j.Certificates {
		paths = append(paths, c.CA, c.Cert, c.Key)
	}
	return paths
}

// perFile is how many certificates one file of the configuration holds: large
// configurations are split, and certagent refuses files of more than 4 MiB.
const perFile = 1000

// command writes the agent's configuration and returns what starts it.
func (a agent) command(j job) (*exec.Cmd, error) {
	args, own := slices.Clone(a.args), a.own
	all := j.Certificates
	for i := 0; i < len(all); i += perFile {
		path := filepath.Join(j.Dir, fmt.Sprintf("config-%05d.hcl", i))
		var text strings.Builder
		j.Certificates = all[i:min(i+perFile, len(all))]
		if err := own.Execute(&text, j); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
			return nil, err
		}
		args = append(args, "-config="+path)
		own = templatesOnly
	}
	cmd := exec.Command(a.binary, args...)
	cmd.Dir = j.Dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + j.Dir}
	return cmd, nil
}
