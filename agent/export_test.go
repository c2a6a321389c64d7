// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import "net/http"

// InBubble makes the agent fit to run in a synctest bubble: vault answers its
// requests, and files are polled.
func (a *Agent) InBubble(vault http.RoundTripper) { a.bubble = vault }
