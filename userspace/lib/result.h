/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * A value or the error that stood in its way.
 *
 * The library throws nothing of its own and prints nothing: each call that can
 * fail returns a Result, whose error is a std::error_code. Text is the tools'.
 */
#ifndef GLASS_LIB_RESULT_H
#define GLASS_LIB_RESULT_H

#include <cerrno>
#include <system_error>
#include <utility>
#include <variant>

namespace glass {

/** The error of the system call that has just failed. */
inline std::error_code last_error() noexcept
{
	return {errno, std::system_category()};
}

/**
 * Either a @p T or a std::error_code, never both and never none.
 *
 * Reading the value of a failed Result throws std::bad_variant_access: test
 * with ok() first.
 */
template <typename T> class [[nodiscard]] Result
{
public:
	Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
	Result(std::error_code error) : state_(std::in_place_index<1>, error) {}

	bool ok() const noexcept { return state_.index() == 0; }
	explicit operator bool() const noexcept { return ok(); }

	T &value() & { return std::get<0>(state_); }
	const T &value() const & { return std::get<0>(state_); }
	T &&value() && { return std::get<0>(std::move(state_)); }
	T &operator*() & { return value(); }
	const T &operator*() const & { return value(); }
	T &&operator*() && { return std::move(*this).value(); }
	T *operator->() { return &value(); }
	const T *operator->() const { return &value(); }

	/** The error; the empty error_code when there is a value. */
	std::error_code error() const noexcept
	{
		const auto *error = std::get_if<1>(&state_);

		return error ? *error : std::error_code{};
	}

private:
	std::variant<T, std::error_code> state_;
};

/** Success, or the error. */
template <> class [[nodiscard]] Result<void>
{
public:
	Result() = default;
	Result(std::error_code error) : error_(error) {}

	bool ok() const noexcept { return !error_; }
	explicit operator bool() const noexcept { return ok(); }
	std::error_code error() const noexcept { return error_; }

private:
	std::error_code error_;
};

} // namespace glass

#endif // GLASS_LIB_RESULT_H
