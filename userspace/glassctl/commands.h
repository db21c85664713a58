/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * The work of glassctl.
 */
#ifndef GLASSCTL_COMMANDS_H
#define GLASSCTL_COMMANDS_H

#include <string>
#include <system_error>

#include "glassctl/options.h"
#include "lib/control.h"

namespace glass::ctl {

/** A command that failed; prints as `route add 12: Invalid argument: The device is not attached`. */
class Failure : public std::system_error
{
public:
	/** @p explanation is the kernel's, and may be empty. */
	Failure(std::error_code error, const std::string &command, const std::string &explanation)
		: std::system_error(error), text_(command + ": " + error.message() +
						  (explanation.empty() ? "" : ": " + explanation))
	{
	}
	const char *what() const noexcept override { return text_.c_str(); }

private:
	std::string text_;
};

/** The way to ask Glass in this namespace. Throws Failure: without the module there is none. */
Control open_control();

/** Does what was asked for. Throws Failure. */
void run(const Options &options);

} // namespace glass::ctl

#endif // GLASSCTL_COMMANDS_H
