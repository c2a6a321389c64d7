// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/hashicorp/vault/api"
)

// endpoint is where the server listens.
type endpoint struct {
	url    string // the URL of requests
	socket string // the path of the Unix socket to dial; "" for TCP
}

// parseAddress parses an address. vault/api would take "vault:8200" for a URL with the
// scheme "vault".
func parseAddress(address string) (endpoint, error) {
	address = strings.TrimSpace(address)
	if address == "" {
		return endpoint{url: api.DefaultAddress}, nil
	}
	if socket, ok := strings.CutPrefix(address, "unix://"); ok {
		if socket == "" {
			return endpoint{}, fmt.Errorf("address %q: names no socket", address)
		}
		return endpoint{url: "http://localhost", socket: socket}, nil
	}
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return endpoint{}, fmt.Errorf("address %q: must be a URL that begins with https://, http:// or unix://", hidePassword(address))
	}
	return endpoint{url: strings.TrimRight(address, "/")}, nil
}

// hidePassword removes what is in front of an "@", which may be a name and a password.
func hidePassword(address string) string {
	if i := strings.LastIndexByte(address, '@'); i >= 0 {
		return "…" + address[i:]
	}
	return address
}
