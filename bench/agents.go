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

// agent is a measured program.
type agent struct {
	name   string
	binary string
	args   []string           // before -config
	own    *template.Template // of the first configuration file
}

var (
	//go:embed agent.hcl
	agentText string
	//go:embed consul-template.hcl
	consulTemplateText string
	//go:embed templates.hcl
	templatesText string
)

// parseConfig appends the template blocks, which are the same for all agents, to
// the agent's own blocks.
func parseConfig(own string) *template.Template {
	return template.Must(template.New("config").Delims("<<", ">>").Parse(own + templatesText))
}

// templatesOnly is for the other configuration files.
var templatesOnly = parseConfig("")

// agents returns the agents that the flags name. certagent and Vault Agent have the
// same configuration.
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

// job is the work of an agent: certificates to keep in a directory.
type job struct {
	serverInfo
	Dir          string // of the configuration
	TTL          string
	Command      string // the command of each template, or ""
	Certificates []certificate
}

// certificate is the name and the files of a certificate.
type certificate struct {
	CommonName    string
	CA, Cert, Key string // paths
}

// newJob returns a job for n certificates below dir. Each certificate has its own
// directory, unless flat is set.
func newJob(f serverInfo, dir string, n int, ttl string, flat bool) (job, error) {
	j := job{serverInfo: f, Dir: dir, TTL: ttl}
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

// files returns the paths of all files.
func (j job) files() []string {
	var paths []string
	for _, c := range j.Certificates {
		paths = append(paths, c.CA, c.Cert, c.Key)
	}
	return paths
}

// certificatesPerFile keeps configuration files small: certagent refuses files of
// more than 4 MiB.
const certificatesPerFile = 1000

// command writes the configuration and returns the command that starts the agent.
func (a agent) command(j job) (*exec.Cmd, error) {
	args, own := slices.Clone(a.args), a.own
	all := j.Certificates
	for i := 0; i < len(all); i += certificatesPerFile {
		path := filepath.Join(j.Dir, fmt.Sprintf("config-%05d.hcl", i))
		var text strings.Builder
		j.Certificates = all[i:min(i+certificatesPerFile, len(all))]
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
