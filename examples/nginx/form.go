// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"encoding/json"
	"fmt"
	"strings"
)

// form is one of the two configurations of certagent.
type form struct {
	config string // its file
	bundle string // the name of nginx's bundle in certagent's log
	proves bool   // whether certagent verifies what is served
}

var (
	bundleForm    = form{config: "bundle.hcl", bundle: "web", proves: true}
	templatesForm = form{config: "agent.hcl", bundle: "tls/ca.crt"}
)

func findForm(name string) (form, error) {
	switch name {
	case "bundle":
		return bundleForm, nil
	case "templates":
		return templatesForm, nil
	}
	return form{}, fmt.Errorf("there is no form %q: use bundle or templates", name)
}

// preferredCheck is the check in bundle.hcl. The copy of the file has nginx's path, or
// the built-in server's check.
const preferredCheck = `["nginx", "-p", ".", "-c", "nginx.conf", "-t", "-q"]`

func (d *demo) checkCommand() (string, error) {
	if d.nginx != "" {
		return strings.Replace(preferredCheck, `"nginx"`, fmt.Sprintf("%q", d.nginx), 1), nil
	}
	command, err := builtinCheckCommand()
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(command)
	return string(text), err
}
