// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import "cmp"

// merge returns what two files say together, as Vault Agent merges them: a
// block of the later file replaces the earlier one's as a whole, templates,
// bundles, exec blocks with labels and listeners add up, switches stay on, and
// texts count if they are not empty.
func (d *document) merge(later *document) *document {
	merged := &document{
		vault:         or(later.vault, d.vault),
		autoAuth:      or(later.autoAuth, d.autoAuth),
		execs:         mergeExecs(d.execs, later.execs),
		cache:         or(later.cache, d.cache),
		apiProxy:      or(later.apiProxy, d.apiProxy),
		templates:     append(d.templates, later.templates...),
		envTemplates:  append(d.envTemplates, later.envTemplates...),
		bundles:       append(d.bundles, later.bundles...),
		listeners:     append(d.listeners, later.listeners...),
		log:           d.log.merge(later.log),
		pidFile:       cmp.Or(later.pidFile, d.pidFile),
		exitAfterAuth: d.exitAfterAuth || later.exitAfterAuth,
		subreaper:     d.subreaper || later.subreaper,
		stopTimeout:   cmp.Or(later.stopTimeout, d.stopTimeout),

		disableIdleConnections: union(d.disableIdleConnections, later.disableIdleConnections),
		disableKeepAlives:      union(d.disableKeepAlives, later.disableKeepAlives),
	}
	// A block that says nothing does not take back what an earlier one said.
	merged.templateConfig = d.templateConfig
	if later.templateConfig != noTemplateConfig {
		merged.templateConfig = later.templateConfig
	}
	return merged
}

func or[T any](first, second *T) *T {
	if first != nil {
		return first
	}
	return second
}
