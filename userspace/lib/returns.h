/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * Functions of the kernel that return an error, told as they do it: a BPF
 * program of some twenty instructions at the end of each of them.
 */
#ifndef GLASS_LIB_RETURNS_H
#define GLASS_LIB_RETURNS_H

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_set>
#include <vector>

#include "lib/fd.h"
#include "lib/result.h"
#include "lib/tracefs.h"

struct ring_buffer;

namespace glass {

/**
 * Those of @p functions that return a signed number or a pointer, as the
 * kernel's type information (BTF) has it: of a function that returns nothing,
 * the register holds anything. Those that BTF does not know are left out.
 *
 * Error: ENOENT where the kernel has no BTF.
 */
Result<std::vector<TraceableFunction>>
functions_that_can_fail(const std::vector<TraceableFunction> &functions);

/** A function has returned an error. */
struct ReturnedError {
	std::uint64_t time = 0;	   /**< nanoseconds of CLOCK_MONOTONIC */
	std::uint64_t address = 0; /**< of the function, as in TraceableFunction */
	pid_t thread = 0;
	int error = 0; /**< as errno has it, positive */
};

/** Hears of errors that some functions return, in all threads, while it lives. */
class ErrorReturns
{
public:
	/**
	 * @p functions as functions_that_can_fail() gives them. Errors: EOPNOTSUPP for a
	 * kernel without fprobes; EPERM.
	 */
	static Result<ErrorReturns> open(const std::vector<TraceableFunction> &functions);
	~ErrorReturns();
	ErrorReturns(ErrorReturns &&) noexcept = default;
	ErrorReturns &operator=(ErrorReturns &&) = delete;

	using Handler = std::function<void(const ReturnedError &)>;
	/** What was told since the last time; not waiting for more. */
	Result<void> read(const Handler &handler);

private:
	struct Free {
		void operator()(::ring_buffer *ring) const;
	};
	/* Where the ring's callback finds it, wherever this object is moved to. */
	struct Sink {
		const Handler *handler = nullptr;
		std::unordered_set<std::uint64_t> addresses;
	};

	ErrorReturns() = default;
	static int take(void *context, void *data, std::size_t size);

	Fd map_;
	Fd program_;
	Fd link_;
	std::unique_ptr<Sink> sink_;
	std::unique_ptr<::ring_buffer, Free> ring_;
};

} // namespace glass

#endif // GLASS_LIB_RETURNS_H
