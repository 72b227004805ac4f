from trellis import errors


class TestBusinessError:
    def test_has_its_docstring_as_the_message(self) -> None:
        class SoldOut(errors.Conflict):
            """Every seat is taken.

            More about it, for developers.
            """

        assert str(SoldOut()) == SoldOut().detail == "Every seat is taken."

    def test_has_the_message_it_is_given(self) -> None:
        assert str(errors.NotFound("There is no such hat.")) == "There is no such hat."

    def test_has_the_message_of_its_base_class_when_it_has_no_docstring(self) -> None:
        class Undocumented(errors.Forbidden):
            pass

        assert Undocumented().detail == "You are not allowed to do this."

    def test_names_the_field_that_has_to_change(self) -> None:
        assert errors.Invalid("Too long.", field="title").field == "title"
        assert errors.Invalid("Too long.").field == ""
