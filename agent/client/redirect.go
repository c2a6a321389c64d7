// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// checkRedirect returns an error for a redirect that is not to be followed. vault/api
// follows one, and takes those that it does not know for an empty answer.
//
// A standby of Vault redirects to the active node, whose host is another one, and the
// token goes there. So another host has to prove, over TLS, that it has a certificate of
// the CA that the configuration names.
func (t *transport) checkRedirect(r *http.Request, response *http.Response) error {
	followed := false
	switch response.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect:
		followed = !t.refuseRedirects
	case http.StatusSeeOther, http.StatusPermanentRedirect:
	default:
		return nil
	}
	to, err := response.Location()
	switch {
	case err != nil:
		return fmt.Errorf("redirected to what is not a URL (status %d)", response.StatusCode)
	case !followed:
		return fmt.Errorf("redirected to %s://%s (status %d), which is not followed", to.Scheme, to.Host, response.StatusCode)
	case !sameHost(r.URL, to) && !t.trusts(r.URL, to):
		return fmt.Errorf("redirected to another host, %s://%s (status %d), which is not followed: the token would go there; "+
			"use https and set ca_cert or ca_path if it is a node of Vault", to.Scheme, to.Host, response.StatusCode)
	}
	return nil
}

// trusts reports whether another host has to prove who it is.
func (t *transport) trusts(from, to *url.URL) bool {
	return from.Scheme == "https" && to.Scheme == "https" && t.files.hasCA() && !t.skipVerify
}

// sameHost reports whether two URLs have the same host name, on whatever port.
func sameHost(a, b *url.URL) bool { return strings.EqualFold(a.Hostname(), b.Hostname()) }
