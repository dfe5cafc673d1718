"""What only an administrator may ask for: Home Assistant lets every user use every entity."""

from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import Unauthorized, UnknownUser


async def want_admin(hass: HomeAssistant, context: Context | None) -> None:
    """Raise `Unauthorized` if a user who is no administrator asks; automations have no user."""
    if context is None or context.user_id is None:
        return
    user = await hass.auth.async_get_user(context.user_id)
    if user is None:
        raise UnknownUser(context=context)
    if not user.is_admin:
        raise Unauthorized(context=context)
